"""How old the knowledge behind the figures is."""
