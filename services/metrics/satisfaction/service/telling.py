"""Figures flow back as facts: how content the people of each segment are, when that has moved."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.metrics.domain import calendar
from services.metrics.satisfaction.domain.measures import CES, CSAT, NPS
from services.metrics.satisfaction.domain.query import METRICS, Days, Metric, Query
from services.metrics.satisfaction.domain.telling import Told, is_news, telling
from services.metrics.satisfaction.errors import MixedFormulas
from services.metrics.satisfaction.repository.telling import last_told, store_told
from services.metrics.satisfaction.service.figures import DEFAULT_DAYS, Satisfaction
from shared.db.engine import WriteTx
from shared.events.catalogue.metrics import SatisfactionTold
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7

EVERYBODY = ""
MOST_AT_ONCE = 200
_SUBJECT_OF_ALL = derived_id("satisfaction", "everybody")
_DEFINITIONS = {"nps": NPS.definition, "csat": CSAT.definition, "ces": CES["mean"].definition}


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells what has changed since it was told last."""

    satisfaction: Satisfaction

    async def tell(self) -> int:
        """Tell of each metric and segment whose figure over the last 90 days has moved; how many were told."""
        told = 0
        for metric in METRICS:
            async with self.satisfaction.db.write() as tx:
                told += await self._tell(tx, metric)
        return told

    async def _tell(self, tx: WriteTx, metric: Metric) -> int:
        now = self.satisfaction.clock.now()
        today = calendar.day_of(now, self.satisfaction.zone)
        days = Days(today - DEFAULT_DAYS + 1, today)
        try:
            report = await self.satisfaction.report(tx, Query(metric, by="segment"), days)
        except MixedFormulas:
            # Surveys that make their CES differently have no figure in common, in no segment.
            return 0
        lines = {EVERYBODY: report.total, **{each.value or EVERYBODY: each for each in report.groups}}
        before = await last_told(tx, metric)
        news: dict[str, Told] = {}
        # Who was told longest ago first, so that nobody waits for ever.
        for segment in sorted(lines.keys() | before.keys(), key=lambda each: _when(before.get(each))):
            line = lines.get(segment)
            found = telling(line, _DEFINITIONS[metric])
            last, at = before.get(segment, (None, None))
            unit = line.measure.unit if line is not None else "points"
            if is_news(found, last, at, unit=unit, at=now):
                news[segment] = found
            if len(news) == MOST_AT_ONCE:
                break
        for segment, found in news.items():
            tx.emit(_event(metric, segment, found, today, now))
        await store_told(tx, metric, news, now)
        return len(news)


def _when(told: tuple[Told, datetime] | None) -> float:
    return 0.0 if told is None else told[1].timestamp()


def _event(metric: Metric, segment: str, told: Told, today: int, now: datetime) -> Event[SatisfactionTold]:
    segment_id = UUID(segment) if segment else None
    data = SatisfactionTold(
        segment_id=segment_id,
        metric=metric,
        definition=told.definition,
        value_hundredths=told.value,
        low_hundredths=told.low,
        high_hundredths=told.high,
        n=told.n,
        days=DEFAULT_DAYS,
        as_of=calendar.to_date(today),
    )
    return Event(uuid7(), segment_id or _SUBJECT_OF_ALL, now, now, data)
