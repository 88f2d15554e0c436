"""Use cases of data rights."""
