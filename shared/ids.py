"""Identifiers: time-ordered for new things, derived for what may be sent twice."""

import os
import time
from uuid import UUID, uuid5

# Fixed for ever: every person key and every derived event id depends on it.
NAMESPACE = UUID("6f1f7a3e-0d7b-5c55-9d3a-7a6d2f0c7b11")

USER = "user"
ANONYMOUS = "anon"


def uuid7() -> UUID:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= ((random >> 64) & 0x0FFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFFFFFFFFFFFFFF
    return UUID(int=value)


def user_key(user_id: str) -> UUID:
    """The person key of an identified customer; the same everywhere, without a look-up."""
    return uuid5(NAMESPACE, f"{USER}:{user_id}")


def anonymous_key(anonymous_id: str) -> UUID:
    """The person key of a visitor that has not said who they are."""
    return uuid5(NAMESPACE, f"{ANONYMOUS}:{anonymous_id}")


def customer_key(reference: str) -> UUID:
    """The person key named by a reference in a URL.

    Accepts a customer id (a UUID), `user_id:<value>` or `anonymous_id:<value>`.

    Raises:
        ValueError: the reference is none of these.
    """
    kind, found, value = reference.partition(":")
    if found and value:
        if kind == "user_id":
            return user_key(value)
        if kind == "anonymous_id":
            return anonymous_key(value)
    return UUID(reference)


def derived_id(*parts: str) -> UUID:
    """One id for one thing, however often and wherever it is made from the same parts."""
    return uuid5(NAMESPACE, "\x1f".join(parts))
