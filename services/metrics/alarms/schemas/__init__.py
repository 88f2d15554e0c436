"""Wire models of alarms."""
