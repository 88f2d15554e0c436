"""Use cases of the score card."""
