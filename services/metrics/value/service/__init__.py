"""Use cases of predicted value."""
