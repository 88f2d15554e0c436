"""Use cases of the audience: fold what is heard, and tell what rules ask of a person."""

from collections.abc import Sequence
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
    instant = at or _EVER
    spent = await repository.spent_by(tx, member.keys, instant)
    held = await tiers.held(tx, member.root)
    seen = await repository.seen_at(tx, member.keys)
    return Facts(
        segments=frozenset().union(*(await segment_moves.inside(tx, member.keys, instant)).values()),
        tiers={each.track: each.level for each in held},
        tier_ranks={each.track: each.rank for each in held},
        orders_count=sum(each.orders for each in spent),
        first_order_at=min((each.first for each in spent), default=None),
        last_order_at=max((each.last for each in spent), default=None),
        spend_minor={each.currency: each.net_minor for each in spent},
        created_at=min(seen.values(), default=None),
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
