"""Delivery gaps as they are shown: beliefs, what customers say, and what was promised, side by side."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_number
from services.metrics.errors import BadRange
from services.metrics.freshness.service import Freshness
from services.metrics.gap import repository
from services.metrics.gap.domain.gaps import MIN_ANONYMOUS, Customers, predictions, question_gaps
from services.metrics.gap.domain.report import Gaps, Latest, PromiseGap, Seen, WaveGap
from services.metrics.gap.domain.waves import MirrorWave, Scores
from services.metrics.gap.errors import WaveUnknown
from services.metrics.satisfaction.domain.query import Days
from services.metrics.satisfaction.domain.tally import ALL, item_id
from services.metrics.satisfaction.repository.reading import Slot, counted, followed
from shared.clock import Clock
from shared.db.engine import Database, ReadTx

MAX_WAVES = 50
MAX_DAYS = 1_100
# Of which promises Prometheus is told.
GAUGE_DAYS = 30
# Complete and confirmed answers only, as `tally.MODES` says.
_MODE = 0


@dataclass(frozen=True, slots=True)
class DeliveryGap:
    """Reads gaps; each use case sees one moment."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    freshness: Freshness

    async def wave(self, wave_id: UUID, *, believer_at: float, achiever_at: float) -> Gaps:
        """One wave. A wave that is open is not known here: nothing of it is told before it closes.

        Raises:
            WaveUnknown: there is none that has closed.
        """
        async with self._snapshot() as (tx, seen):
            found = await repository.waves(tx, wave_id=wave_id, limit=1)
            if not found:
                raise WaveUnknown(wave_id)
            gap = await self._gap(tx, found[0], seen.now, believer_at=believer_at, achiever_at=achiever_at)
        return Gaps(seen, [gap], is_cut=False)

    async def waves(self, first: date | None, last: date | None, *, believer_at: float, achiever_at: float) -> Gaps:
        """The closed waves whose period lies within these days, the newest period first.

        Raises:
            BadRange: the days make no range.
        """
        if first is not None and last is not None:
            self._check(first, last)
        async with self._snapshot() as (tx, seen):
            found = await repository.waves(tx, first=first, last=last, limit=MAX_WAVES + 1)
            shown = [
                await self._gap(tx, wave, seen.now, believer_at=believer_at, achiever_at=achiever_at)
                for wave in found[:MAX_WAVES]
            ]
        return Gaps(seen, shown, is_cut=len(found) > MAX_WAVES)

    async def promises(self, first: date, last: date) -> PromiseGap:
        """What became of the promises that fell due on these local days, as of now.

        Raises:
            BadRange: the days make no range, or are too many.
        """
        self._check(first, last)
        async with self._snapshot() as (tx, seen):
            kept = await repository.kept(tx, *self._span(first, last), seen.now)
        return PromiseGap(seen, first, last, kept)

    async def latest(self) -> Latest:
        """The newest closed wave of each touchpoint, and the promises that fell due in the last 30 days."""
        now = self.clock.now()
        async with self.db.read() as tx:
            found = await repository.waves(tx, limit=MAX_WAVES)
            newest = {wave.touchpoint: wave for wave in reversed(found)}
            gaps = [await self._gap(tx, wave, now, believer_at=1.0, achiever_at=1.0) for wave in newest.values()]
            kept = await repository.kept(tx, now - timedelta(days=GAUGE_DAYS), now, now)
        return Latest(gaps, kept)

    async def _gap(
        self, tx: ReadTx, wave: MirrorWave, now: datetime, *, believer_at: float, achiever_at: float
    ) -> WaveGap:
        customers = await self._customers(tx, wave)
        return WaveGap(
            wave,
            customers,
            question_gaps(wave, customers, believer_at=believer_at, achiever_at=achiever_at),
            predictions(wave, customers),
            await repository.kept(tx, *self._span(wave.period_from, wave.period_to), now),
        )

    async def _customers(self, tx: ReadTx, wave: MirrorWave) -> Customers:
        """What customers said in the period to the questions of the wave, in all versions that have them on the same
        scale; of each person the newest answer, as satisfaction counts."""
        start, end = self._span(wave.period_from, wave.period_to)
        days = Days(day_number(wave.period_from), day_number(wave.period_to))
        asked = await repository.asked_of_customers(tx, wave.survey_id)
        anonymous = any(version.is_anonymous for version in asked)
        scores: dict[str, Scores | None] = {}
        for question in wave.questions:
            same = (question.id, question.kind, question.lowest, question.highest)
            items = [item_id(wave.survey_id, each.version, question.id) for each in asked if same in each.questions]
            found = await _histogram(tx, items, days)
            is_hidden = anonymous and 0 < sum(found.values()) < MIN_ANONYMOUS
            scores[question.id] = None if is_hidden else found
        return Customers(scores, await repository.answered_before(tx, wave.survey_id, start, end, wave.closed_at))

    def _check(self, first: date, last: date) -> None:
        if first > last:
            raise BadRange(f"from ({first}) is after to ({last}).")
        if (last - first).days >= MAX_DAYS:
            raise BadRange(f"The range has more than {MAX_DAYS} days.")

    def _span(self, first: date, last: date) -> tuple[datetime, datetime]:
        return midnight(first, self.zone), midnight(last + timedelta(days=1), self.zone)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[tuple[ReadTx, Seen]]:
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            yield tx, Seen(self.clock.now(), self.zone.key, await self.freshness.staleness(tx, measured))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


async def _histogram(tx: ReadTx, items: Sequence[UUID], days: Days) -> Scores:
    """How many people's newest answers in these days had which score."""
    slot = Slot(ALL, None)
    rows = [(1, each) for kind, each in await counted(tx, items, slot, days) if kind == _MODE]
    rows += [(-1, each) for each in await followed(tx, items, slot, days, _MODE)]
    sums: dict[int, int] = {}
    for sign, each in rows:
        for score, number in enumerate(each.counts):
            sums[score] = sums.get(score, 0) + sign * number
    return {score: number for score, number in sums.items() if number}
