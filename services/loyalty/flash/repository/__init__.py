"""All SQL of flash sales: sales and claims, checks, draws, waiting rooms."""
