"""Use cases of earned growth: take in why people came, and say what that is worth."""
