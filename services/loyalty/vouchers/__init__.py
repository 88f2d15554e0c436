"""Vouchers: campaigns, codes, what a code is worth for a basket."""
