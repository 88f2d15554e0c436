"""All SQL of predicted value."""
