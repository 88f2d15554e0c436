"""All SQL of checkout: what is held, what was redeemed, what was rolled back, and the counters that all share."""
