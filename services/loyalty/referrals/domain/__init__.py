"""Referral programmes, what speaks against a referral, and what one has earned."""
