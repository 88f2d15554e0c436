"""Rules of subscriptions: no database, no clock, no network."""
