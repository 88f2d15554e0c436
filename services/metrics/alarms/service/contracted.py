"""What the subscriptions of a segment come to: everybody in it is walked, so it is for the clock alone."""

from collections import defaultdict
from collections.abc import MutableMapping
from time import monotonic
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.satisfaction.repository.members import persons
from services.metrics.subscriptions.domain.facts import Subscription
from services.metrics.subscriptions.domain.lives import Tally
from services.metrics.subscriptions.repository import facts, own
from shared.db.engine import ReadTx
from shared.identity import members

_AT_ONCE = 1_000
# So many times as long as walking a segment takes it is not walked again: a hundredth of a core.
_REST = 100


class Walked(NamedTuple):
    """What was found, and from when on it is looked for anew."""

    tally: Tally
    again_at: float


Kept = MutableMapping[UUID, Walked]


async def of_segment(tx: ReadTx, segment: UUID, zone: ZoneInfo, kept: Kept) -> Tally:
    """The subscriptions of the persons who are in a segment now, whenever they had them."""
    if (known := kept.get(segment)) is not None and monotonic() < known.again_at:
        return known.tally
    begun = monotonic()
    policy, tally = (await own.counting(tx)).whole, Tally()
    everybody = await persons(tx, segment)
    for some in (everybody[start : start + _AT_ONCE] for start in range(0, len(everybody), _AT_ONCE)):
        found = await members.find_many(tx, some)
        whose = {raw: member.root for member in found.values() for raw in member.keys}
        own_of: defaultdict[UUID, list[Subscription]] = defaultdict(list)
        for each in await facts.of_customers(tx, whose):
            own_of[whose[each.customer]].append(each)
        for person in own_of.values():
            tally.add(person, policy, zone)
    kept[segment] = Walked(tally, monotonic() + _REST * (monotonic() - begun))
    return tally
