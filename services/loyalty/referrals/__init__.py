"""Referrals: who brought whom, what both get, and what is fishy about it."""
