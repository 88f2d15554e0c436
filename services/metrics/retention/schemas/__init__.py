"""Wire forms of retention."""
