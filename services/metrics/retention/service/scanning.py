"""Counts that cost time: made when somebody asks, kept, and made anew when facts have come, a twentieth of the time.

As of today nearly all is read from sums, and is live however many customers there are; as of a past day, and where
purchases are known of days that are still to come, everybody is looked at. What is counted quickly is never kept. Of
the rest one is told how old it is; the job counts it anew while it is being asked for, so that who asks hardly waits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from time import perf_counter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from services.metrics.domain import calendar
from services.metrics.freshness.service import Freshness
from services.metrics.retention.repository import kept, sums
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
# So few customers are looked at in passing.
SMALL = 3_000

Locks = MutableMapping[str, asyncio.Lock]


def locks() -> Locks:
    """One lock per subject."""
    return defaultdict(asyncio.Lock)


Read = Callable[[ReadTx, int], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted: by its name, from what these consumers have taken in, up to a day; `live` reads it from sums."""

    name: str
    groups: tuple[str, ...]
    count: Read
    live: Read | None = None


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
        found = None if subject.live is None else await self.live(subject.live, day)
        if found is None:
            found = await self._kept(subject, day)
        if found is not None:
            return found
        async with self.locks[subject.name]:
            # Whoever held the lock may have counted it.
            return await self._kept(subject, day) or await self.count(subject, day)

    async def live(self, read: Read, day: int) -> Counted | None:
        """What sums say as of today; None: they cannot as of another day, nor if days to come have purchases."""
        if day < calendar.day_of(self.clock.now(), self.zone):
            return None
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            if await sums.is_ahead(tx, day):
                return None
            staleness = await self.freshness.staleness(tx, measured)
            return Counted(await read(tx, day), staleness)

    async def offered(self, subject: Subject, day: int, customers: int) -> Counted | None:
        """What a subject came to when it was counted last; None: it has not been, and the job soon will.

        Of few `customers` (or orders) it is counted now, and is live; as of another day whoever asks waits.
        """
        now = self.clock.now()
        if day != calendar.day_of(now, self.zone):
            return await self.get(subject, day)
        if customers <= SMALL:
            return await self._kept(subject, day, most_seconds=0) or await self.count(subject, day)
        if (found := await self._kept(subject, day, most_seconds=inf)) is None:
            async with self.db.write() as tx:
                await kept.want(tx, subject.name, day, now)
        return found

    async def _kept(self, subject: Subject, day: int, *, most_seconds: float | None = None) -> Counted | None:
        """What is kept and has not changed since; or is no older than that, or than one has to bear with."""
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            stored = await kept.kept(tx, subject.name, day)
            if stored is None or not stored.mark:
                return None
            mark = await kept.mark(tx, subject.groups, self.zone.key)
            staleness = await self.freshness.staleness(tx, measured)
        now = self.clock.now()
        if stored.mark != mark:
            age = (now - stored.counted_at).total_seconds()
            if most_seconds is None:
                is_quick = stored.took_seconds <= QUICK_SECONDS
                most_seconds = 0 if is_quick else max(PATIENCE_SECONDS, PATIENCE * stored.took_seconds)
            if age > most_seconds or not most_seconds:
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
        if subject.live is not None and not await sums.is_ahead(tx, day):
            return False
        stored = await kept.kept(tx, subject.name, day)
        if stored is None or not stored.mark:
            return True
        if (now - stored.counted_at).total_seconds() < REST * stored.took_seconds:
            return False
        return stored.mark != await kept.mark(tx, subject.groups, self.zone.key)
