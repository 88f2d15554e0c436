"""The arithmetic of satisfaction: pure."""
