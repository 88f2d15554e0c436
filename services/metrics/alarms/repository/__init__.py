"""All SQL of alarms."""
