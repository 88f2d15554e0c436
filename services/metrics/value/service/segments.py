"""Figures flow back as facts: what the customers of a segment are worth, and how many have lapsed, when that moved."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from uuid import UUID

from services.metrics.domain import calendar
from services.metrics.value.domain.telling import HORIZON_DAYS, LAPSE_DAYS, Told, is_news, telling
from services.metrics.value.domain.worth import Question
from services.metrics.value.repository import segments as repository
from services.metrics.value.repository import sums
from services.metrics.value.service.valuing import Value
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.metrics import SegmentOutlookTold
from shared.events.envelope import Event
from shared.ids import uuid7

AT_ONCE = 50
# A segment is looked at this often, or so rarely that looking takes no more than this part of a core.
NOT_SOONER = timedelta(minutes=5)
_PART_OF_CORE = 0.01


@dataclass(frozen=True, slots=True)
class Segments:
    """Values the customers of segments, and tells it of those that a persona describes."""

    value: Value

    async def tell(self) -> int:
        """Look at the segments that are due; of how many was told."""
        now, day = self.value.clock.now(), calendar.day_number(self.value.today())
        begun = monotonic()
        async with self.value.db.read() as tx:
            before = await repository.due(tx, now, AT_ONCE)
            if not before:
                return 0
            found = await self.outlooks(tx, before.keys(), day)
        news = {segment: each for segment, each in found.items() if is_news(each, before[segment])}
        took = timedelta(seconds=monotonic() - begun)
        async with self.value.db.write() as tx:
            for segment, each in sorted(news.items(), key=lambda item: item[0]):
                self._emit(tx, segment, each, day)
            await repository.keep(tx, before | news, now + max(NOT_SOONER, took / _PART_OF_CORE))
        return len(news)

    async def outlooks(self, tx: ReadTx, segments: Collection[UUID], day: int) -> dict[UUID, Told]:
        """The customers of each of these segments as of the end of a day, in the firm's currency."""
        bases = await sums.bases(tx, day, segments)
        fits = await sums.served(tx)
        most = max(fits.values(), key=lambda each: each.mark[0], default=None)
        currency = self.value.currency or (None if most is None else most.currency)
        own = {segment: each[currency] for segment, each in bases.items() if currency is not None and currency in each}
        worths = {}
        if currency in fits and own:
            asked = Question(day, HORIZON_DAYS, 0.1)
            worths = await asyncio.to_thread(self.value.valued_parts, own, fits[currency], asked)
        return {segment: telling(bases.get(segment, {}), day, currency, worths.get(segment)) for segment in segments}

    def _emit(self, tx: WriteTx, segment: UUID, told: Told, day: int) -> None:
        now = self.value.clock.now()
        data = SegmentOutlookTold(
            segment_id=segment,
            **told.model_dump(),
            lapse_days=LAPSE_DAYS,
            horizon_days=HORIZON_DAYS,
            as_of=calendar.to_date(day),
        )
        tx.emit(Event(uuid7(), segment, now, now, data))
