"""What is known of a customer when a voucher is judged; the audience fills it, conditions ask it."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID


class Facts(NamedTuple):
    """Of a stranger nothing is known: no segment, no tier, and `orders` None, for they may have bought before.

    `segments` are ids of segments, `tiers` the name of the tier per track, `ranks` its rank (1 is the lowest).
    """

    person: UUID | None = None
    segments: frozenset[str] = frozenset()
    tiers: Mapping[str, str] = {}
    ranks: Mapping[str, int] = {}
    orders: int | None = None


STRANGER = Facts()
