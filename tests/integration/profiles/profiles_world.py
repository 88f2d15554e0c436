"""What the tests of profiles play with: touchpoints as the edge keys them, and a world that consumes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.profiles.service import ProfilesService
from shared.db.engine import Database, WriteTx
from shared.delivery.passing import is_passing
from shared.events.catalogue.profiles import PUBLISHES, CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Catalogue, Event, EventData
from shared.ids import anonymous_key, derived_id, user_key

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """A clock that a test moves."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


def touchpoint(
    message_id: str,
    *,
    user: str | None = None,
    anonymous: str | None = None,
    call: str = "track",
    minute: float = 0,
    source: str = "web",
    recorded: datetime | None = None,
    **rest: Any,
) -> Event[TouchpointReceived]:
    """A touchpoint as the edge keys it, `minute` minutes after a day before `NOW`."""
    time = NOW - timedelta(days=1) + timedelta(minutes=minute)
    data = TouchpointReceived.model_validate(
        {
            "source": source,
            "message_id": message_id,
            "call": call,
            "user_id": user,
            "anonymous_id": anonymous,
            "original_time": time,
            **rest,
        }
    )
    subject = user_key(user) if user else anonymous_key(anonymous or "")
    return Event(derived_id(source, message_id), subject, time, recorded or NOW, data)


ATTEMPTS = 5


@dataclass
class World:
    """What a test plays with."""

    db: Database
    mirror: Database
    service: ProfilesService
    clock: HandClock

    async def play(self, *events: Event[TouchpointReceived]) -> list[Event[Any]]:
        """Consume one batch, as the runner would: without the repeats in it, again where it met another's locks.

        What it announced.
        """
        for _ in range(ATTEMPTS):
            try:
                async with self.db.write() as tx:
                    await self.consume(tx, events)
                return list(tx.emitted)
            except DBAPIError as error:
                if not is_passing(error):
                    raise
        raise AssertionError(f"the batch met another's locks {ATTEMPTS} times")

    async def consume(self, tx: WriteTx, events: Sequence[Event[TouchpointReceived]]) -> None:
        await self.service.record(tx, list({event.id: event for event in reversed(events)}.values())[::-1])

    async def announced(self, *classes: type[EventData]) -> list[Event[Any]]:
        """Everything in the outbox of these classes, in order."""
        catalogue = Catalogue(classes or PUBLISHES)
        async with self.db.read() as tx:
            rows = await tx.execute("SELECT value FROM outbox_records ORDER BY id, place")
            found = [catalogue.decode(row.value) for row in rows]
        return [event for event in found if event is not None]

    async def merges(self) -> list[Event[CustomerMerged] | Event[CustomerUnmerged]]:
        return await self.announced(CustomerMerged, CustomerUnmerged)

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await tx.execute(sql, values))

    async def root(self, key: UUID) -> UUID:
        found = await self.rows("SELECT root_id FROM identity WHERE raw_id = :key", key=key)
        return found[0].root_id if found else key


def names(events: Iterable[Event[Any]]) -> list[tuple[Any, ...]]:
    """Merges and unmerges as short tuples."""
    return [
        (
            type(event.data).__name__.removeprefix("Customer"),
            event.data.from_id,
            event.data.into_id,
            event.data.version,
            event.data.reason,
        )
        for event in events
    ]
