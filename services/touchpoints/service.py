"""Use cases of touchpoints: record what was accepted, keep what was refused, show a customer's journey.

A touchpoint is stored under the raw person key it came with; a journey is read over all keys of the person, so a merge
or its undoing needs no rewriting here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from services.touchpoints import repository
from services.touchpoints.domain import recording
from services.touchpoints.domain.names import canonical
from services.touchpoints.ingest.service import IngestService
from services.touchpoints.repository import CodeCount, QuarantineRow, TouchpointRow
from services.touchpoints.rights.service import TouchpointRights
from services.touchpoints.settings import TouchpointsSettings
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import TouchpointReceived, TouchpointRejected
from shared.events.envelope import Event, EventData
from shared.identity import mapping, members
from shared.rights import audit

TRIM_AT_ONCE = 10_000

# The sort key of the last row of a page.
Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which touchpoints of a journey are asked for; `since` is included, `until` is not."""

    names: Sequence[str] | None = None
    besides: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TouchpointsService:
    """What happened to customers. `ingest` is the door, which needs no database."""

    db: Database
    settings: TouchpointsSettings
    ingest: IngestService
    rights: TouchpointRights

    async def record(self, tx: WriteTx, events: Sequence[Event[TouchpointReceived]]) -> None:
        """Store touchpoints, and announce those that were not there yet, with the facts they state.

        The table itself is what drops repeats: it keeps a touchpoint much longer than an inbox would its id.
        """
        rows: list[TouchpointRow] = []
        announced: dict[UUID, Sequence[Event[EventData]]] = {}
        for event in events:
            touchpoint = recording.record(event)
            data = event.data
            rows.append(
                TouchpointRow(
                    event.id,
                    event.subject,
                    data.source,
                    data.message_id,
                    data.call,
                    touchpoint.name,
                    event.time,
                    event.recorded,
                    orjson.dumps(touchpoint.properties).decode(),
                    orjson.dumps(touchpoint.context).decode(),
                )
            )
            announced[event.id] = touchpoint.announced
        new = await repository.insert_touchpoints(tx, rows)
        for event_id, facts in announced.items():
            if event_id in new:
                for fact in facts:
                    tx.emit(fact)

    async def quarantine(self, tx: WriteTx, events: Sequence[Event[TouchpointRejected]]) -> None:
        """Keep refused events, with the reason, until somebody has looked."""
        rows = [
            QuarantineRow(
                event.id,
                event.data.source,
                event.data.message_id,
                event.data.code,
                event.data.message,
                event.data.raw,
                event.recorded,
            )
            for event in await self.rights.admit_refused(tx, events)
        ]
        await repository.insert_quarantine(tx, rows)

    async def follow(self, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]) -> None:
        """Take over who is the same person as whom."""
        await mapping.follow(tx, events)

    async def journey(
        self, customer_id: UUID, wanted: Wanted, *, before: Position | None, limit: int
    ) -> list[TouchpointRow]:
        """A person's touchpoints under all their keys, newest first; `limit` + 1 rows if there are more."""
        async with self.db.read() as tx:
            root, keys = await members.find(tx, customer_id)
            audit.saw((root,))
            return await repository.journey(
                tx,
                keys,
                names=None if wanted.names is None else [canonical(name) for name in wanted.names],
                besides=[canonical(name) for name in wanted.besides],
                since=wanted.since,
                until=wanted.until,
                before=before,
                limit=limit + 1,
            )

    async def quarantined(
        self, *, code: str | None, source: str | None, before: Position | None, limit: int
    ) -> tuple[list[QuarantineRow], list[CodeCount]]:
        """Refused events, newest first (`limit` + 1 rows if there are more), and how many there are by reason."""
        async with self.db.read() as tx:
            rows = await repository.quarantined(tx, code=code, source=source, before=before, limit=limit + 1)
            return rows, await repository.count_quarantined(tx)

    async def trim(self) -> None:
        """Delete what has been kept long enough, a bounded piece at a time."""
        kept, refused = timedelta(days=self.settings.retention_days), timedelta(days=self.settings.quarantine_days)
        await self._until_done(lambda tx: repository.trim_touchpoints(tx, older_than=kept, most=TRIM_AT_ONCE))
        await self._until_done(lambda tx: repository.trim_quarantine(tx, older_than=refused, most=TRIM_AT_ONCE))

    async def _until_done(self, trim: Callable[[WriteTx], Awaitable[int]]) -> None:
        deleted = TRIM_AT_ONCE
        while deleted == TRIM_AT_ONCE:
            async with self.db.write() as tx:
                deleted = await trim(tx)
