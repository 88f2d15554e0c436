"""What responses are: pure rules."""
