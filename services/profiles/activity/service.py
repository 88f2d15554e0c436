"""Use cases of what customers did: take clean facts in, and tell what a person did in sum."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.activity import repository
from services.profiles.activity.domain import Activity, EventCell, Tally, local_day
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import service as people
from services.profiles.rfm import repository as scales
from services.profiles.told import repository as told
from services.profiles.told.domain import standing
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.events.orders import UNKNOWN, Order, OrderFact, with_fact


@dataclass(frozen=True, slots=True)
class ActivityService:
    """Counts events per local day of the firm (a later change of its time zone holds for what comes then)."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    phone_country: str
    membership: Membership

    async def record(self, tx: WriteTx, batch: Sequence[Event[TouchpointRecorded] | Event[OrderFact]]) -> None:
        """Count events that were not counted before, and fold facts about orders."""
        touched = Touched()
        cells: dict[EventCell, Tally] = {}
        facts: defaultdict[str, list[Event[Any]]] = defaultdict(list)
        for event in batch:
            data = event.data
            if not isinstance(data, TouchpointRecorded):
                facts[data.order_id].append(event)
                continue
            cell = EventCell(event.subject, data.name, local_day(event.time, self.zone))
            tally = cells.get(cell)
            if tally is None:
                cells[cell] = Tally.of(event.time)
            else:
                tally.add(event.time)
            touched.events[data.name].add(event.subject)
        await repository.add_events(tx, cells)
        if facts:
            touched.orders = await _fold(tx, facts)
        await self.membership.refresh(tx, touched)

    async def of(self, reference: str) -> Activity:
        """What the person that goes by `reference` did.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.phone_country)
            return Activity(
                person.id,
                self.clock.now(),
                await repository.money_of(tx, person.members),
                await repository.events_of(tx, person.members),
                standing(person.id, await told.of(tx, person.members)),
                (await scales.current(tx)).scale,
            )


async def _fold(tx: WriteTx, facts: Mapping[str, Sequence[Event[OrderFact]]]) -> set[UUID]:
    """Fold facts into their orders; who had or now has an order that changed."""
    stored = await repository.lock_orders(tx, facts)
    added: dict[str, Order] = {}
    replaced: dict[str, Order] = {}
    customers: set[UUID] = set()
    for order_id, news in facts.items():
        before = stored.get(order_id)
        after = before or UNKNOWN
        for event in news:
            after = with_fact(after, event)
        if after != before:
            (added if before is None else replaced)[order_id] = after
            customers.update(order.placing.customer for order in (before, after) if order and order.placing)
    await repository.add_orders(tx, added)
    await repository.replace_orders(tx, replaced)
    return customers
