"""SQL of simulations: the work itself, and what they read of others."""
