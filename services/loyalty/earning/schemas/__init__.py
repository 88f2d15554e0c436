"""Wire types of earning."""
