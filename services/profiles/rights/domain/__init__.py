"""Pure rules of data rights."""
