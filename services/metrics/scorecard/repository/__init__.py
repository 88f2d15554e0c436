"""All SQL of the score card."""
