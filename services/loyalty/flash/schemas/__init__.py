"""Wire models of flash sales: sales and claims, draws, waiting rooms."""
