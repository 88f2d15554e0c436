"""What a survey is, what is asked of somebody who gave these answers, and what cannot be published."""
