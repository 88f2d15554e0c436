"""Pure rules of simulations."""
