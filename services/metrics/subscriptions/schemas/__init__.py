"""Wire models of subscriptions."""
