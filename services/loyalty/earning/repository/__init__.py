"""All SQL of earning."""
