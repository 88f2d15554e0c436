"""Alarms: what changed, since when, and who is to be told."""
