"""Use cases of the ledger: take facts in. Each runs inside the consumer's transaction.

Locks, always taken in this order: the mapping of who is whom, orders, persons, then the shared sums, which are touched
last so that batches queue for them as briefly as can be. A person's lock is the activity row of their root.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain.changes import Changes
from services.metrics.domain.purchases import (
    NOTHING,
    Difference,
    Line,
    Purchases,
    after_change,
    difference,
    growth_of,
    together,
)
from services.metrics.ledger import repository
from shared.db.engine import Database, WriteTx
from shared.errors import Retry
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.events.orders import OrderFact
from shared.identity import mapping
from shared.observability.logging import logger
from shared.runtime.progress import empty_projection
from shared.runtime.service import Projection

log = logger(__name__)

ORDERS_GROUP = "metrics.orders"
IDENTITY_GROUP = "metrics.identity"
PROJECTION = Projection(
    tables=(
        "orders",
        "activity",
        "cells",
        "histories",
        "spends",
        "life_sums",
        "rfm_crowds",
        "rfm_worths",
        "day_money",
        "identity",
    ),
    groups=(ORDERS_GROUP, IDENTITY_GROUP),
)

_REBUILDING = "rebuilding"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Takes facts in, so that the rows are the same whatever the facts' order and number of repeats."""

    db: Database
    zone: ZoneInfo

    async def begin(self, projection: Projection) -> None:
        """Make sure that figures are counted in days of the firm's time zone: in another's, they are rebuilt.

        `projection` is all that the service counts by days, and what that stands on.
        """
        async with self.db.write() as tx:
            stored = await repository.calendar_zone(tx)
            if stored == self.zone.key:
                return
            await repository.set_calendar_zone(tx, self.zone.key if stored is None else _REBUILDING)
        if stored is None:
            return
        log.warning("time_zone_changed", was=stored, now=self.zone.key, figures="are rebuilt from the log")
        await empty_projection(self.db, projection)
        async with self.db.write() as tx:
            await repository.set_calendar_zone(tx, self.zone.key)

    async def fold(self, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> Changes:
        """Fold facts about orders: what changes with them, which `count` carries into the figures."""
        await self.check_calendar(tx)
        await mapping.hold(tx)
        changes = Changes(self.zone)
        for before, after in (await repository.ORDERS.fold(tx, events)).values():
            changes.replace(before, after)
        return changes

    async def count(self, tx: WriteTx, changes: Changes, purchases: Mapping[UUID, Purchases]) -> None:
        """Carry changes, and what they say of purchases, into the figures: the last thing before the commit."""
        await repository.add(tx, await self._move_purchases(tx, purchases), changes.money_changes())

    async def follow_identity(
        self, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
    ) -> Mapping[UUID, tuple[UUID, UUID]]:
        """Take over merges and unmerges, and regroup the purchases of everybody they touch.

        Answers the person keys whose root changed, each with its old and its new root, for other rooms to regroup.
        """
        await self.check_calendar(tx)
        moved = await mapping.follow(tx, events)
        if moved:
            await repository.add(tx, await self._regroup(tx, moved))
        return moved

    async def check_calendar(self, tx: WriteTx) -> None:
        """Take nothing in that would be counted in days of another time zone.

        Raises:
            Retry: figures are kept in days of another, and being rebuilt.
        """
        stored = await repository.calendar_zone(tx)
        if stored is None:
            await repository.set_calendar_zone(tx, self.zone.key)
        elif stored != self.zone.key:
            raise Retry(f"the figures are kept in days of {stored}, not of {self.zone.key}")

    async def _move_purchases(self, tx: WriteTx, changes: Mapping[UUID, Purchases]) -> Difference:
        """Store changed purchases per person key; the sums that change with them."""
        if not changes:
            return Difference()
        families = await mapping.families(tx, changes)
        lines, others = await self._lock_persons(tx, changes.keys(), families)
        several = {raw for raws in families.values() for raw in raws}
        grown = {
            raw: found
            for raw, change in changes.items()
            if raw not in several and (found := growth_of(lines.get(raw), change)) is not None
        }
        appended = {raw: came[0] for raw, (line, came) in grown.items() if line is not None and len(came) == 1}
        await repository.append_activity(tx, appended)
        longer = {raw: changes[raw] for raw in grown if raw not in appended}
        changes = {raw: change for raw, change in changes.items() if raw not in grown}
        known = others | {raw: line.purchases for raw, line in lines.items() if raw not in appended}
        after: dict[UUID, Purchases] = {
            raw: after_change(known.get(raw, NOTHING), change) for raw, change in changes.items()
        }
        stored = after | {raw: {**known.get(raw, NOTHING), **change} for raw, change in longer.items()}
        await repository.add_activity(tx, {raw: each for raw, each in stored.items() if each and raw not in known})
        emptied = {root: NOTHING for root in families if root not in after and not known[root]}
        await repository.replace_activity(tx, emptied | {raw: each for raw, each in stored.items() if raw in known})
        now = known | after
        persons = [*families.values(), *([raw] for raw in after if raw not in several)]
        return difference(
            (together([known.get(raw, NOTHING) for raw in raws]) for raws in persons),
            (together([now.get(raw, NOTHING) for raw in raws]) for raws in persons),
            grown.values(),
        )

    async def _lock_persons(
        self, tx: WriteTx, customers: Set[UUID], families: Mapping[UUID, Sequence[UUID]]
    ) -> tuple[dict[UUID, Line], dict[UUID, Purchases]]:
        """The purchases of these persons under all their keys that have a row, while nobody else changes them.

        First those that are locked. A person known under one key needs no lock where there is no row: two that insert
        it meet there. The others are locked by the row of their root, made for it if need be, *before* the rest is
        read: read in one go, a row that another worker inserts while we wait would be missed.
        """
        others = {raw for root, raws in families.items() for raw in raws if raw != root}
        await repository.ensure_activity(tx, families)
        known = await repository.lock_activity(tx, families.keys() | (customers - others))
        if not families.keys() <= known.keys():
            raise Retry("another worker removed the last purchase of one of these customers at the same time")
        return known, await repository.activity(tx, others)

    async def _regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> Difference:
        """The sums that change when person keys move from one person to another."""
        touched = {root for roots in moved.values() for root in roots}
        raws = set(moved) | {raw for members in (await mapping.members(tx, touched)).values() for raw in members}
        now = await mapping.roots(tx, raws)
        bought = await repository.activity(tx, raws)
        before: defaultdict[UUID, list[Purchases]] = defaultdict(list)
        after: defaultdict[UUID, list[Purchases]] = defaultdict(list)
        for raw in bought:
            after[now[raw]].append(bought[raw])
            before[moved[raw][0] if raw in moved else now[raw]].append(bought[raw])
        return difference(map(together, before.values()), map(together, after.values()))
