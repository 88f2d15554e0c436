"""What cases are: pure rules."""
