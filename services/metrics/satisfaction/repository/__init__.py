"""All SQL of satisfaction."""
