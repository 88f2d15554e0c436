"""Earning as arithmetic: rules as people write them, what contradicts itself, and what a history earns under them."""
