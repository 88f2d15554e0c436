"""Counts that cost time: made when somebody asks, kept, and made anew when facts have come, a twentieth of the time.

What is counted quickly is never kept, so a small firm's figures are live. Of a large firm's one is told how old they
are; the job counts them anew while they are being asked for, so that who asks hardly ever waits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from services.metrics.domain import calendar
from services.metrics.freshness.service import Freshness
from services.metrics.retention.repository import kept
from services.metrics.retention.repository.kept import Kept
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.observability.logging import logger

log = logger(__name__)

# What took less is counted at each read.
QUICK_SECONDS = 0.05
# Of the time, so much at most goes into counting one subject anew.
REST = 20
# Older than so many times what counting takes, and than so long, it is not given away while it could be counted anew.
PATIENCE = 10 * REST
PATIENCE_SECONDS = 300.0
# What nobody has asked for since is counted no more.
WANTED = timedelta(days=2)
_NOTED = timedelta(hours=1)

Locks = MutableMapping[str, asyncio.Lock]


def locks() -> Locks:
    """One lock per subject."""
    return defaultdict(asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted: by its name, from what these consumers have taken in, up to a day."""

    name: str
    groups: tuple[str, ...]
    count: Callable[[ReadTx, int], Awaitable[Any]]


class Counted(NamedTuple):
    """What was counted, and by how many seconds it may be behind; None: that cannot be said."""

    document: Any
    staleness_seconds: float | None


@dataclass(frozen=True, slots=True)
class Scans:
    """Counts subjects, and keeps what took long."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    freshness: Freshness
    locks: Locks

    async def get(self, subject: Subject, day: int) -> Counted:
        """What a subject comes to as of the end of a day."""
        found = await self._kept(subject, day)
        if found is not None:
            return found
        async with self.locks[subject.name]:
            # Whoever held the lock may have counted it.
            return await self._kept(subject, day) or await self.count(subject, day)

    async def _kept(self, subject: Subject, day: int) -> Counted | None:
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            stored = await kept.kept(tx, subject.name, day)
            if stored is None:
                return None
            mark = await kept.mark(tx, subject.groups, self.zone.key)
            staleness = await self.freshness.staleness(tx, measured)
        now = self.clock.now()
        if stored.mark != mark:
            age = (now - stored.counted_at).total_seconds()
            if stored.took_seconds <= QUICK_SECONDS or age > max(PATIENCE_SECONDS, PATIENCE * stored.took_seconds):
                return None
            staleness = None if staleness is None else max(staleness, age)
        if now - stored.asked_at > _NOTED:
            async with self.db.write() as tx:
                await kept.asked(tx, subject.name, day, now)
        return Counted(stored.document, staleness)

    async def count(self, subject: Subject, day: int, asked_at: datetime | None = None) -> Counted:
        """Count a subject now; keep it if that took long, or if it was kept already, asked for at `asked_at`."""
        measured = await self.freshness.ends()
        counted_at, begun = self.clock.now(), perf_counter()
        async with self.db.read() as tx:
            mark = await kept.mark(tx, subject.groups, self.zone.key)
            staleness = await self.freshness.staleness(tx, measured)
            # As it will be read again: one form, whether it was kept or not.
            document = orjson.loads(orjson.dumps(await subject.count(tx, day)))
        took = perf_counter() - begun
        if took > QUICK_SECONDS or asked_at is not None:
            async with self.db.write() as tx:
                await kept.keep(tx, subject.name, day, Kept(document, counted_at, took, asked_at or counted_at, mark))
        return Counted(document, staleness)

    async def refresh(self, subject_of: Callable[[str], Subject | None]) -> int:
        """Count anew, as of today, what is being asked for and has moved, where that has rested; how many were."""
        now = self.clock.now()
        day = calendar.day_of(now, self.zone)
        async with self.db.write() as tx:
            await kept.forget(tx, now - WANTED)
        async with self.db.read() as tx:
            wanted = [(subject_of(name), at) for name, at in await kept.wanted(tx, now - WANTED)]
            due = [(each, at) for each, at in wanted if each is not None and await self._is_due(tx, each, day, now)]
        for subject, asked_at in due:
            await self.count(subject, day, asked_at)
            log.info("counted_anew", subject=subject.name, day=day)
        return len(due)

    async def _is_due(self, tx: ReadTx, subject: Subject, day: int, now: datetime) -> bool:
        stored = await kept.kept(tx, subject.name, day)
        if stored is None:
            return True
        if (now - stored.counted_at).total_seconds() < REST * stored.took_seconds:
            return False
        return stored.mark != await kept.mark(tx, subject.groups, self.zone.key)
