"""The arithmetic of earned growth. Pure."""
