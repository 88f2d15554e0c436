"""Wire models of responses."""
