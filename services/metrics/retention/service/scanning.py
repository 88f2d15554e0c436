"""Counts that cost time: made when somebody asks, kept, and made anew when facts have come, a twentieth of the time.

As of today nearly all is read from sums, and is live however many customers there are; where purchases are known of
days that are still to come everybody is looked at, and as of a past day where there are few customers: of many all past
days are known (`walking`). What is counted quickly is never kept. Of the rest one is told how old it is; the job counts
it anew while it is being asked for, so that who asks hardly waits.
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
from services.metrics.retention.repository import kept, past, sums
from services.metrics.retention.repository.kept import Kept
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.observability.logging import logger

log = logger(__name__)

# What took less is counted at each read.
QUICK_SECONDS = 0.025
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
    """What is counted: by its name, from what these consumers have taken in, up to a day; `live` reads it from sums.

    `also` says what else it depends on: where that is another, what was counted is of before. `is_walked`: of many
    customers past days are known before anybody asks (`walking`).
    """

    name: str
    groups: tuple[str, ...]
    count: Read
    live: Read | None = None
    also: Callable[[ReadTx], Awaitable[str]] | None = None
    is_walked: bool = False


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
        if found is None and subject.is_walked:
            found = await self._walked(subject, day)
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

        Of few `customers` (or orders) it is counted now, and is live.
        """
        if customers <= SMALL:
            return await self._kept(subject, day, most_seconds=-1) or await self.count(subject, day)
        if (found := await self._kept(subject, day, most_seconds=inf)) is None:
            async with self.db.write() as tx:
                await kept.want(tx, subject.name, day, self.clock.now())
        return found

    async def _walked(self, subject: Subject, day: int) -> Counted | None:
        """What was found on the last walk through all past days; where facts have come since, that is soon another."""
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            walk = await past.walk(tx, self.zone.key)
            if walk is None or not walk.first_day <= day <= walk.last_day:
                return None
            document = await past.document(tx, subject.name, day)
            mark = await kept.mark(tx, subject.groups, self.zone.key)
            staleness = await self.freshness.staleness(tx, measured)
        if document is None:
            return None
        if walk.mark != mark:
            now = self.clock.now()
            staleness = None if staleness is None else max(staleness, (now - walk.counted_at).total_seconds())
            if walk.asked_at <= walk.counted_at:
                async with self.db.write() as tx:
                    await past.asked(tx, now)
        return Counted(document, staleness)

    async def _kept(self, subject: Subject, day: int, *, most_seconds: float | None = None) -> Counted | None:
        """What is kept and has not changed since; or is no older than that, or than one has to bear with."""
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            stored = await kept.kept(tx, subject.name, day)
            if stored is None or not stored.mark:
                return None
            mark = await self._mark(tx, subject)
            staleness = await self.freshness.staleness(tx, measured)
        now = self.clock.now()
        has_moved = stored.mark != mark
        if has_moved:
            age = (now - stored.counted_at).total_seconds()
            if age > (self._patience(stored, day) if most_seconds is None else most_seconds):
                return None
            staleness = None if staleness is None else max(staleness, age)
        if now - stored.asked_at > _NOTED or (has_moved and stored.asked_at <= stored.counted_at):
            async with self.db.write() as tx:
                await kept.asked(tx, subject.name, day, now)
        return Counted(stored.document, staleness)

    def _patience(self, stored: Kept, day: int) -> float:
        """How old, in seconds, it may be given away though facts have come since."""
        if stored.took_seconds <= QUICK_SECONDS:
            return -1
        # What is over hardly changes: who asks gets what is known, and the job soon counts it anew.
        is_over = day < calendar.day_of(self.clock.now(), self.zone)
        return inf if is_over else max(PATIENCE_SECONDS, PATIENCE * stored.took_seconds)

    async def count(self, subject: Subject, day: int, asked_at: datetime | None = None) -> Counted:
        """Count a subject now; keep it if that took long, or if it was kept already, asked for at `asked_at`."""
        measured = await self.freshness.ends()
        counted_at, begun = self.clock.now(), perf_counter()
        async with self.db.read() as tx:
            mark = await self._mark(tx, subject)
            staleness = await self.freshness.staleness(tx, measured)
            # As it will be read again: one form, whether it was kept or not.
            document = orjson.loads(orjson.dumps(await subject.count(tx, day)))
        took = perf_counter() - begun
        if took > QUICK_SECONDS or asked_at is not None:
            async with self.db.write() as tx:
                await kept.keep(tx, subject.name, day, Kept(document, counted_at, took, asked_at or counted_at, mark))
        return Counted(document, staleness)

    async def refresh(self, subject_of: Callable[[str], Subject | None]) -> int:
        """Count what was asked for and is not there yet, and anew what has moved and rested; how much was.

        What was asked for today or yesterday, as of today; what of a day before, as of that day, where it was asked
        for since it was counted.
        """
        now = self.clock.now()
        today = calendar.day_of(now, self.zone)
        async with self.db.write() as tx:
            await kept.forget(tx, now - WANTED)
        due: dict[tuple[str, int], tuple[Subject, datetime]] = {}
        async with self.db.read() as tx:
            for each in await kept.wanted(tx, now - WANTED):
                subject = subject_of(each.subject)
                day = each.day if each.is_waiting or each.day < today - 1 else today
                if subject is not None and (each.is_waiting or await self._is_due(tx, subject, day, now)):
                    due[each.subject, day] = subject, each.asked_at
        for (name, day), (subject, asked_at) in due.items():
            await self.count(subject, day, asked_at)
            log.info("counted_anew", subject=name, day=day)
        return len(due)

    async def _mark(self, tx: ReadTx, subject: Subject) -> str:
        mark = await kept.mark(tx, subject.groups, self.zone.key)
        return mark if subject.also is None else f"{mark} {await subject.also(tx)}"

    async def _is_due(self, tx: ReadTx, subject: Subject, day: int, now: datetime) -> bool:
        is_over = day < calendar.day_of(now, self.zone)
        if not is_over and subject.live is not None and not await sums.is_ahead(tx, day):
            return False
        stored = await kept.kept(tx, subject.name, day)
        if stored is None or not stored.mark:
            return not is_over
        if is_over and stored.asked_at <= stored.counted_at:
            return False
        if (now - stored.counted_at).total_seconds() < REST * stored.took_seconds:
            return False
        return stored.mark != await self._mark(tx, subject)
