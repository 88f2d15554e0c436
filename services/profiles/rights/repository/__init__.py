"""All SQL of data rights."""
