"""Pools: who is in them (`pools`), and what is spent of them, here, at the checkout and for rewards (`purses`)."""

from services.loyalty.pools.service.pools import Pools, read_member

__all__ = ["Pools", "read_member"]
