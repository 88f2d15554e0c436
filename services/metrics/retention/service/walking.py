"""Use case: know how every past day was before somebody asks, by walking through all of them now and then."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Protocol
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.figures import repository as figures
from services.metrics.retention.domain.past import Changes, Document, Lives, walked
from services.metrics.retention.repository import kept, past
from services.metrics.retention.repository.past import Walk
from services.metrics.retention.service import scanning
from services.metrics.retention.service.scanning import REST
from services.metrics.retention.service.subjects import BOUGHT
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.observability.logging import logger

log = logger(__name__)

# Three years of days; what was before is counted when it is asked for.
MOST_DAYS = 1_100
# So many persons are looked at in one statement, and so many days written in one.
_PERSONS, _DAYS = 20_000, 16
# A walk is made no sooner than this after the last, and at the latest so, where facts have come.
_NOT_SOONER, _LATEST = timedelta(minutes=10), timedelta(days=1)


class Companion(Protocol):
    """What else is worked out on one walk."""

    def take(self, lives: Lives) -> None:
        """Count some persons, whole: no other call has any of them."""

    def walked(self, currencies: Sequence[str], first: int, last: int) -> Iterator[Mapping[str, Document]]:
        """The documents of each day from `first` to `last`, by subject; `currencies` are those of the lines."""


class Beside(Protocol):
    """Who goes along on walks."""

    async def companion(self, tx: ReadTx) -> Companion:
        """For one walk, in its snapshot."""

    async def is_behind(self, tx: ReadTx, day: int) -> bool:
        """Whether what was found of the last day walked through has become another, whatever was bought since."""


@dataclass(frozen=True, slots=True)
class Walking:
    """Walks through the past days: of few customers each is counted at once, so that they need none."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    beside: Beside

    async def walk(self) -> bool:
        """Walk through all past days where that is due; whether it was."""
        now = self.clock.now()
        yesterday = calendar.day_of(now, self.zone) - 1
        async with self.db.read() as tx:
            customers = await figures.customers(tx, yesterday)
            before = await past.walk(tx, self.zone.key)
            mark = await kept.mark(tx, BOUGHT, self.zone.key)
            is_due = before is None or _is_due(before, mark, now, yesterday)
            if not is_due and await self.beside.is_behind(tx, yesterday):
                is_due = True
        if customers <= scanning.SMALL or not is_due:
            return False
        begun = perf_counter()
        changes, companion, currencies, mark = await self._changes(1 + customers // _PERSONS)
        # Where nobody has bought there is no day to walk through, and what was kept of any goes.
        first = max(yesterday - MOST_DAYS + 1, yesterday + 1 if changes.first_day is None else changes.first_day)
        days = zip(
            walked(changes, currencies, first, yesterday), companion.walked(currencies, first, yesterday), strict=True
        )
        while batch := await asyncio.to_thread(_packed, days):
            async with self.db.write() as tx:
                await past.keep(tx, batch)
        took = perf_counter() - begun
        async with self.db.write() as tx:
            await past.finish(tx, Walk(now, took, mark, self.zone.key, first, yesterday, now))
        log.info("past_days_walked", days=yesterday - first + 1, seconds=round(took, 1))
        return True

    async def _changes(self, parts: int) -> tuple[Changes, Companion, list[str], str]:
        """What changed on each day, in one snapshot: with the currencies there are, and the mark of the log."""
        changes = Changes()
        currencies: list[str] = []
        async with self.db.read() as tx:
            mark = await kept.mark(tx, BOUGHT, self.zone.key)
            companion = await self.beside.companion(tx)
            for part in range(parts):
                lines = await past.lines(tx, part, parts, currencies)
                if len(lines.day):
                    lives = await asyncio.to_thread(Lives.of, lines)
                    await asyncio.to_thread(changes.take, lives)
                    await asyncio.to_thread(companion.take, lives)
        return changes, companion, currencies, mark


_Day = tuple[tuple[int, Mapping[str, Document]], Mapping[str, Document]]


def _packed(days: Iterator[_Day]) -> list[tuple[int, dict[str, bytes]]]:
    return [(day, past.packed({**documents, **others})) for (day, documents), others in islice(days, _DAYS)]


def _is_due(before: Walk, mark: str, now: datetime, yesterday: int) -> bool:
    """A day has ended since; or facts have come, and somebody was given what they may have changed."""
    if before.last_day < yesterday:
        return True
    age = now - before.counted_at
    if before.mark == mark or age < max(_NOT_SOONER, timedelta(seconds=REST * before.took_seconds)):
        return False
    return before.asked_at > before.counted_at or age > _LATEST
