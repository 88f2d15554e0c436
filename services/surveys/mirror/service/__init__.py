"""Use cases of the mirror: waves as staff makes them, and answers as they come in."""
