"""Use cases of satisfaction."""
