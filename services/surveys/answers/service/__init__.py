"""Use cases of responses."""
