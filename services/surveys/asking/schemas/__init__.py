"""Wire models of asking."""
