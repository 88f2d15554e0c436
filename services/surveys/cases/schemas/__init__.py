"""Wire models of cases, and of what a firm sets for them."""
