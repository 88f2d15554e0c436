"""What a wave asks, when it is biased, and what of its answers may be told. Pure."""
