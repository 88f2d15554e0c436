"""What may be said of a trait, judging what is said, and which of several words a person shows."""
