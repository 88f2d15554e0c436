"""What the tests of loyalty play with: a service whose clock they move, and people who are merged and taken apart."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.app import service as manifest
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.vouchers.service import Vault
from shared.db.engine import Database, WriteTx, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Catalogue, Event, EventData
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7
from shared.runtime.trees import trees_of

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """A clock that a test moves."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        """Let time pass: `forward(days=1)`."""
        self.time += timedelta(**by)


@dataclass
class LoyaltyWorld:
    """Loyalty on a real database."""

    db: Database
    service: LoyaltyService
    clock: HandClock
    versions: Iterable[int] = field(default_factory=lambda: count(1))

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """What a query answers."""
        async with self.db.read() as tx:
            return list(await tx.execute(sql, values))

    async def value(self, sql: str, **values: Any) -> Any:
        """The first column of its first row."""
        return (await self.rows(sql, **values))[0][0]

    async def member(self, person: UUID) -> Member:
        """The person a key belongs to, unlocked."""
        async with self.db.read() as tx:
            return await members.find(tx, person)

    async def merge(self, from_id: UUID, into_id: UUID) -> None:
        """`from_id` is `into_id` from now on."""
        said = CustomerMerged(from_id=from_id, into_id=into_id, version=next(iter(self.versions)), reason="manual")
        await self._regroup(from_id, said)

    async def unmerge(self, from_id: UUID, into_id: UUID) -> None:
        """They are two again."""
        said = CustomerUnmerged(from_id=from_id, into_id=into_id, version=next(iter(self.versions)), reason="manual")
        await self._regroup(from_id, said)

    async def _regroup(self, subject: UUID, said: CustomerMerged | CustomerUnmerged) -> None:
        now = self.clock.now()
        async with self.db.write() as tx:
            await follow(self.service, tx, Event(uuid7(), subject, now, now, said))

    async def announced(self, *classes: type[EventData]) -> list[Event[Any]]:
        """Everything in the outbox of these classes (all of them: none named), in order."""
        catalogue = Catalogue(classes or manifest.publishes)
        rows = await self.rows("SELECT value FROM outbox_records ORDER BY id, place")
        found = [catalogue.decode(row.value) for row in rows]
        return [event for event in found if event is not None]


async def follow(service: LoyaltyService, tx: WriteTx, event: Event[CustomerMerged] | Event[CustomerUnmerged]) -> None:
    """As the consumer of loyalty takes it."""
    subscription = next(each for each in manifest.subscriptions if each.group == "loyalty.identity")
    await subscription.handler(service, tx, [event])


@asynccontextmanager
async def open_world(database_url: str, *, zone: ZoneInfo = VIETNAM) -> AsyncIterator[LoyaltyWorld]:
    """Loyalty, migrated, on a database."""
    db = Database(make_engine(database_url, schema="loyalty", pool_size=20), schema="loyalty", outbox=OutboxWriter())
    clock = HandClock()
    try:
        await upgrade(db.engine, trees_of([manifest]))
        vault = Vault([os.urandom(32)])
        service = LoyaltyService(db=db, clock=clock, zone=zone, settings=LoyaltySettings(), vault=vault)
        yield LoyaltyWorld(db, service, clock)
    finally:
        await db.dispose()
