"""Rules of pages, forms and clicks; pure."""
