"""The arithmetic of the score card. Pure."""
