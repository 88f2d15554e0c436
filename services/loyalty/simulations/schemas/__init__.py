"""Wire models of simulations."""
