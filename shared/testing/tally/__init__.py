"""A service for fault tests that counts with bare increments, so that whatever is handled twice, or not, shows.

Owns       `journal` (a row per money fact, in the order handled) and `totals` (a sum per customer); `banned`.
Publishes  nothing.
Consumes   `orders`.

The real services could hide a fault of the delivery below them: their facts are keyed, and repeat without effect.
"""
