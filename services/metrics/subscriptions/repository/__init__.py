"""All SQL of subscriptions."""
