"""Use cases of what customers did: take clean facts in, and tell what a person did in sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.activity import repository
from services.profiles.activity.domain import Activity, EventCell, Tally, local_day
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.people import service as people
from services.profiles.people.domain import Person
from services.profiles.people.repository import Beside
from services.profiles.rfm import repository as scales
from services.profiles.told import repository as told
from services.profiles.told.domain import standing
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.events.orders import OrderFact

# What it takes to say what a person did.
BESIDES: Sequence[Beside[Any]] = (repository.MONEY, repository.EVENTS, told.TOLD, scales.CURRENT)


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
        facts: list[Event[Any]] = []
        for event in batch:
            data = event.data
            if not isinstance(data, TouchpointRecorded):
                facts.append(event)
                continue
            cell = EventCell(event.subject, data.name, local_day(event.time, self.zone))
            tally = cells.get(cell)
            if tally is None:
                cells[cell] = Tally.of(event.time)
            else:
                tally.add(event.time)
            touched.events[data.name].add(event.subject)
        await repository.add_events(tx, cells)
        touched.orders = await _fold(tx, facts)
        await self.membership.refresh(tx, touched)

    async def of(self, reference: str) -> Activity:
        """What the person that goes by `reference` did.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: it does not name one person.
        """
        async with self.db.read() as tx:
            person = await people.known(tx, reference, country=self.phone_country)
            return self.shown(person, [await each.read(tx, person.members) for each in BESIDES])

    def shown(self, person: Person, found: Sequence[Sequence[Any]]) -> Activity:
        """What a person did: of the rows of each of `BESIDES`."""
        money, events, facts, stored = found
        scale = scales.holding(stored).scale
        return Activity(person.id, self.clock.now(), money, events, standing(person.id, facts), scale)


async def _fold(tx: WriteTx, facts: Sequence[Event[OrderFact]]) -> set[UUID]:
    """Fold facts into their orders; who had or now has an order that changed."""
    changed = await repository.ORDERS.fold(tx, facts)
    return {order.placing.customer for each in changed.values() for order in each if order and order.placing}
