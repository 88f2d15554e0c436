"""Invariants: what must always hold between the tables of loyalty, checked while it runs."""
