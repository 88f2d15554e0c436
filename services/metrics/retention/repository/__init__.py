"""All SQL of retention."""
