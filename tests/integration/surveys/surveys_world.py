"""What the tests of surveys play with: a service whose clock they move, surveys that can be answered, and people who
are merged and taken apart.
"""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.surveys.app import service as manifest
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.library import ready
from services.surveys.definitions.schemas.survey import DraftIn
from services.surveys.links.service import Links
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.db.engine import Database, make_engine
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
STAFF = "key-of-staff"


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
class SurveysWorld:
    """Surveys on a real database."""

    db: Database
    service: SurveysService
    clock: HandClock
    versions: Iterable[int] = field(default_factory=lambda: count(1))

    async def publish(self, library: str = "after_delivery", **changes: Any) -> Definition:
        """A ready survey that takes answers, with some of its fields changed (`is_anonymous=True`)."""
        return await self.publish_document({**ready(library)["survey"], **changes})

    async def publish_document(self, document: dict[str, Any], survey_id: UUID | None = None) -> Definition:
        """A survey of one's own that takes answers; with `survey_id`, its next version."""
        editing, body = self.service.editing, DraftIn.model_validate(document)
        if survey_id is None:
            made = await editing.create(body, by=STAFF, idem=None)
            survey_id = UUID(orjson.loads(made.body)["id"])
        else:
            await editing.change(survey_id, body, by=STAFF, if_match=None, idem=None)
        published = await editing.publish(survey_id, note="", by=STAFF, if_match=None, idem=None)
        async with self.db.read() as tx:
            return await self.service.definitions.version(tx, survey_id, orjson.loads(published.body)["version"])

    async def close(self, survey_id: UUID) -> None:
        """Let a survey take no more answers."""
        await self.service.editing.close(survey_id, by=STAFF, if_match=None, idem=None)

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
        await self.tell("surveys.identity", Event(uuid7(), from_id, self.clock.now(), self.clock.now(), said))

    async def unmerge(self, from_id: UUID, into_id: UUID) -> None:
        """They are two again."""
        said = CustomerUnmerged(from_id=from_id, into_id=into_id, version=next(iter(self.versions)), reason="manual")
        await self.tell("surveys.identity", Event(uuid7(), from_id, self.clock.now(), self.clock.now(), said))

    async def tell(self, group: str, *events: Event[Any]) -> None:
        """Give events to a consumer of surveys, in one transaction, as its runner would."""
        subscription = next(each for each in manifest.subscriptions if each.group == group)
        async with self.db.write() as tx:
            await subscription.handler(self.service, tx, list(events))

    async def announced(self, *classes: type[EventData]) -> list[Event[Any]]:
        """Everything in the outbox of these classes (all of them: none named), in order."""
        catalogue = Catalogue(classes or manifest.publishes)
        rows = await self.rows("SELECT value FROM outbox_records ORDER BY id, place")
        found = [catalogue.decode(row.value) for row in rows]
        return [event for event in found if event is not None]


@asynccontextmanager
async def open_world(database_url: str, *, zone: ZoneInfo = VIETNAM) -> AsyncIterator[SurveysWorld]:
    """Surveys, migrated, on a database."""
    db = Database(make_engine(database_url, schema="surveys", pool_size=20), schema="surveys", outbox=OutboxWriter())
    clock = HandClock()
    try:
        await upgrade(db.engine, trees_of([manifest]))
        links = Links([os.urandom(32)])
        service = SurveysService(db=db, clock=clock, zone=zone, settings=SurveysSettings(), links=links)
        yield SurveysWorld(db, service, clock)
    finally:
        await db.dispose()
