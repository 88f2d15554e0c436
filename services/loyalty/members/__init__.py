"""Members: the person keys that are one person, locked together while something of theirs changes."""
