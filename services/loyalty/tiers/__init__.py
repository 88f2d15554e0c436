"""Tiers: what members have reached, and what is next."""
