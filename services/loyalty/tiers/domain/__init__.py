"""Tiers as arithmetic: what a track asks, and which level a history of facts leads to at any moment."""
