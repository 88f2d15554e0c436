"""The arithmetic of the figures: no database, no clock, no network."""
