"""All SQL of mail."""
