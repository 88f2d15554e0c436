"""Take facts in, so that the rows are the same whatever the facts' order and number of repeats.

Whatever touches a person locks the person first, takes their whole part out of the sums, applies what came, and puts
their part in again. Locks, always in this order: who is whom, persons, the policy, then the sums.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.subscriptions.domain.facts import KINDS, Fact, Subscription, SubscriptionFact, fact_of
from services.metrics.subscriptions.domain.lives import Tally
from services.metrics.subscriptions.domain.policy import Counting
from services.metrics.subscriptions.repository import facts as stored
from services.metrics.subscriptions.repository import own, sums
from shared.db.engine import WriteTx
from shared.errors import Retry
from shared.events.envelope import Event, EventData, those_of
from shared.identity import mapping, members
from shared.runtime.service import Projection

HEARD: tuple[type[EventData], ...] = tuple(KINDS)
# Heard by the group of the voices: a group of its own would cost more than these few facts.
PROJECTION = Projection(
    tables=("subscriptions", *sums.TABLES),
    groups=(),
    given=("subscription_policies",),
    unfinished=("subscription_recounts", *sums.NEXT_TABLES),
)

Persons = Mapping[UUID, Collection[Subscription]]


@dataclass(frozen=True, slots=True)
class Subscribing:
    """Takes facts of subscriptions in; each call is part of the consumer's transaction."""

    zone: ZoneInfo

    async def take(self, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
        """Fold those that tell of subscriptions, and carry what changes into the sums."""
        told = cast("list[Event[SubscriptionFact]]", those_of(events, KINDS))
        if not told:
            return
        news: defaultdict[str, list[Fact]] = defaultdict(list)
        for event in told:
            news[event.data.subscription_id].append(fact_of(event))
        found = await members.lock_many(tx, {each.subject for each in told} | await stored.owners(tx, news))
        roots = {raw: member.root for member in found.values() for raw in member.keys}
        counting = await own.hold(tx)
        if not await stored.owners(tx, news) <= roots.keys():
            raise Retry("another worker stored one of these subscriptions at the same time, under another key")
        before = {each.id: each for each in await stored.of_customers(tx, roots)}
        after = before | {
            name: before.get(name, Subscription(name, ())).with_facts(facts) for name, facts in news.items()
        }
        await stored.add(tx, [after[name] for name in news if name not in before])
        await stored.replace(tx, [after[name] for name in news if name in before and after[name] != before[name]])
        await self._carry(tx, _by_root(before.values(), roots), _by_root(after.values(), roots), counting)

    async def regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """Carry subscriptions over when keys went from one person to another; the mapping is ours alone meanwhile."""
        if not moved:
            return
        touched = {root for pair in moved.values() for root in pair}
        keys = set(moved) | {raw for raws in (await mapping.members(tx, touched)).values() for raw in raws}
        counting = await own.hold(tx)
        found = await stored.of_customers(tx, keys)
        if not found:
            return
        now = await mapping.roots(tx, keys)
        then = {raw: moved[raw][0] if raw in moved else root for raw, root in now.items()}
        await self._carry(tx, _by_root(found, then), _by_root(found, now), counting)

    async def recount(self, tx: WriteTx, counting: Counting, most: int) -> bool:
        """Count some more persons by the pending policy, which is claimed; whether all are counted by it now."""
        if counting.pending is None:
            return True
        if counting.reached is None:
            await sums.forget_growing(tx)
        found = await stored.some(tx, counting.reached, most)
        tally = Tally()
        for subscriptions in found.persons:
            tally.add(subscriptions, counting.pending, self.zone)
        await sums.add(tx, None, tally)
        if found.last is not None:
            await own.put_reached(tx, counting.pending.version, found.last, len(found.persons))
            return False
        await sums.take_over(tx)
        await own.forget_reached(tx)
        await own.set_counted(tx, counting.pending.version)
        return True

    async def _carry(self, tx: WriteTx, before: Persons, after: Persons, counting: Counting) -> None:
        tally, growing = Tally(), None if counting.pending is None else Tally()
        for root in before.keys() | after.keys():
            old, new = before.get(root, ()), after.get(root, ())
            if old == new:
                continue
            tally.replace(old, new, counting.whole, self.zone)
            if growing is not None and counting.pending is not None and counting.has_reached(root):
                growing.replace(old, new, counting.pending, self.zone)
        await sums.add(tx, tally, growing)


def _by_root(subscriptions: Iterable[Subscription], roots: Mapping[UUID, UUID]) -> dict[UUID, list[Subscription]]:
    found: defaultdict[UUID, list[Subscription]] = defaultdict(list)
    for each in sorted(subscriptions, key=lambda each: each.id):
        found[roots[each.customer]].append(each)
    return found
