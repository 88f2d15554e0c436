"""Read what is known of persons, as histories to walk through."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from services.loyalty.audience import repository as audience
from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint, Move
from services.loyalty.earning.domain.history import History, Rules
from services.loyalty.earning.repository import rules as rows
from services.loyalty.programs.service import Programs
from services.loyalty.tiers import repository as tiers
from services.loyalty.tiers.domain.balance import Change, together
from services.loyalty.tiers.domain.grants import Grant
from shared.db.engine import ReadTx
from shared.identity.person import Member


async def rules_of(tx: ReadTx, programs: Programs) -> Rules:
    """All by which histories are judged."""
    return Rules(await rows.book(tx), await programs.timeline(tx), await tiers.tracks(tx))


async def histories(
    tx: ReadTx,
    members: Iterable[Member],
    rules: Rules,
    fresh: Mapping[str, KnownOrder | None] = MappingProxyType({}),
    *,
    since: datetime | None = None,
) -> dict[Member, History]:
    """The histories of persons, each over all their keys: as much of them as the rules ask.

    `fresh` are orders that the caller knows, and which need not be read; None: it is none any more. Of orders before
    `since` only time and money are told.
    """
    members = list(members)
    owner = {key: member for member in members for key in member.keys}
    orders: defaultdict[Member, list[KnownOrder]] = defaultdict(list)
    for order in await audience.orders_of(tx, owner, fresh, since=since):
        orders[owner[order.customer]].append(order)
    touchpoints: defaultdict[Member, list[KnownTouchpoint]] = defaultdict(list)
    if rules.hears_touchpoints:
        for each in await audience.touchpoints_of(tx, owner):
            touchpoints[owner[each.customer]].append(each)
    moves = await moves_of(tx, owner, rules)
    grants: defaultdict[Member, list[Grant]] = defaultdict(list)
    seen_at: Mapping[UUID, datetime] = {}
    if rules.tracks:
        seen_at = await audience.seen_at(tx, owner)
        for grant in await tiers.grants_of(tx, owner):
            grants[owner[grant.customer]].append(grant)
    balances: defaultdict[Member, list[Change]] = defaultdict(list)
    if names := rules.balances:
        for key, change in await tiers.balances_of(tx, owner, names):
            balances[owner[key]].append(change)
    return {
        member: History(
            orders[member],
            touchpoints[member],
            {key: moves[key] for key in member.keys if key in moves},
            min((seen_at[key] for key in member.keys if key in seen_at), default=None),
            grants[member],
            together(balances[member]) if member in balances else (),
        )
        for member in members
    }


async def moves_of(tx: ReadTx, keys: Collection[UUID], rules: Rules) -> Mapping[UUID, list[Move]]:
    """The moves of person keys in and out of the segments that rules ask for."""
    return await audience.moves_of(tx, keys, rules.book.segments) if rules.book.segments else {}
