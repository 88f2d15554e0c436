"""What leaves and what comes in: HTML, forms, JSON of the widget and of staff."""
