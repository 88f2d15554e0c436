"""Who fails, and how often they may."""

from typing import NamedTuple
from uuid import UUID

from shared.networks import network

MINUTE, HOUR = 60.0, 3_600.0


class Who(NamedTuple):
    """Who tries a code: the person key and the address the shop names, if any, and the key that asks."""

    key_id: str
    customer: UUID | None = None
    address: str | None = None


class Limit(NamedTuple):
    """So many failures in so many seconds: a bucket of `tokens` that fills up again over `seconds`."""

    scope: str
    tokens: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


PER_CUSTOMER = (Limit("customer", 5, MINUTE), Limit("customer", 20, HOUR))
PER_ADDRESS = (Limit("address", 10, MINUTE), Limit("address", 60, HOUR))


def per_key(tokens: int) -> tuple[Limit, ...]:
    """The limit of a key that may fail so often a minute: a shop's server asks for all its customers with one."""
    return (Limit("key", tokens, MINUTE),)


def limits_of(who: Who, key_tokens: int) -> list[tuple[Limit, str]]:
    """The limits that hold for somebody, each with what it counts by."""
    found = [(limit, who.key_id) for limit in per_key(key_tokens)]
    if who.customer is not None:
        found += [(limit, str(who.customer)) for limit in PER_CUSTOMER]
    if who.address is not None:
        found += [(limit, network(who.address)) for limit in PER_ADDRESS]
    return found
