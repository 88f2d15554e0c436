"""Use cases of the audience: fold what is heard, and tell what rules ask of a person."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.audience import repository
from services.loyalty.audience.domain import Facts, KnownOrder, known
from services.loyalty.tiers import repository as tiers
from shared.db import segment_moves
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerCreated
from shared.events.envelope import Event
from shared.events.orders import OrderFact
from shared.identity.person import Member

_EVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


async def facts_of(tx: ReadTx, member: Member, *, at: datetime | None = None) -> Facts:
    """What is known of a person: for the conditions of rules, vouchers, rewards and sales.

    With `at`, segments and orders as they were at that instant, by all that is known now; tiers are always those held.
    Lock the member first where a decision hangs on it.
    """
    return (await facts_of_all(tx, (member,), at=at))[member.root]


async def facts_of_all(tx: ReadTx, members: Collection[Member], *, at: datetime | None = None) -> dict[UUID, Facts]:
    """The same of several persons, by their roots, in as many statements as for one."""
    instant = at or _EVER
    keys = [key for member in members for key in member.keys]
    spent: defaultdict[UUID, list[repository.Spent]] = defaultdict(list)
    for each in await repository.spent_by(tx, keys, instant):
        spent[each.customer].append(each)
    held: defaultdict[UUID, list[tuple[str, str, int]]] = defaultdict(list)
    for (person, track), state in (await tiers.states(tx, [member.root for member in members])).items():
        if state.level is not None:
            held[person].append((track, state.level, state.rank))
    seen = await repository.seen_at(tx, keys)
    inside = await segment_moves.inside(tx, keys, instant)
    return {
        member.root: _facts(
            [each for key in member.keys for each in spent.get(key, ())],
            held.get(member.root, ()),
            [seen[key] for key in member.keys if key in seen],
            frozenset().union(*(inside[key] for key in member.keys if key in inside)),
        )
        for member in members
    }


def _facts(
    spent: Sequence[repository.Spent],
    held: Sequence[tuple[str, str, int]],
    seen: Sequence[datetime],
    segments: frozenset[UUID],
) -> Facts:
    spend: Counter[str] = Counter()
    for each in spent:
        spend[each.currency] += each.net_minor
    return Facts(
        segments=segments,
        tiers={track: level for track, level, _ in held},
        tier_ranks={track: rank for track, _, rank in held},
        orders_count=sum(each.orders for each in spent),
        first_order_at=min((each.first for each in spent), default=None),
        last_order_at=max((each.last for each in spent), default=None),
        spend_minor=dict(spend),
        created_at=min(seen, default=None),
    )


class Change(NamedTuple):
    """An order before and after facts about it came; None: it was not placed, as far as was known."""

    before: KnownOrder | None
    after: KnownOrder | None

    @property
    def customers(self) -> frozenset[UUID]:
        """The person keys it was, or is now, of."""
        return frozenset(each.customer for each in self if each is not None)


async def record_orders(tx: WriteTx, events: Sequence[Event[OrderFact]]) -> list[Change]:
    """Fold facts about orders; those that are now seen otherwise. Locks the orders: lock no person before."""
    folded = await repository.ORDERS.fold(tx, events)
    changes = [
        Change(before and known(order_id, *before), known(order_id, *after))
        for order_id, (before, after) in folded.items()
    ]
    return [change for change in changes if change.before != change.after]


async def record_created(tx: WriteTx, events: Sequence[Event[CustomerCreated]]) -> None:
    """Note when somebody was seen for the first time."""
    seen: dict[UUID, datetime] = {}
    for event in events:
        seen[event.subject] = min(event.time, seen.get(event.subject, event.time))
    await repository.add_seen(tx, seen)
