"""Use cases of flash sales: staff's (sales), shops' (claims), timed ones (upkeep), and what a process remembers."""
