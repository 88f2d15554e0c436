"""The arithmetic of alarms: pure, without a clock."""
