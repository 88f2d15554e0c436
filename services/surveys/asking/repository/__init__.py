"""All SQL of asking."""
