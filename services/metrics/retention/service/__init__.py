"""Use cases of retention."""
