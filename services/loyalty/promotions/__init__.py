"""Promotions: how vouchers stand together, which campaigns count without a code, and what budgets have left.

A promotion is a campaign whose codes are `automatic`; everything else of it is as of every other campaign: its terms,
versions, limits and counters. It has one voucher, which nobody can type, so reservations, redemptions and roll-backs
treat it as they treat a code.
"""
