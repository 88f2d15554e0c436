"""Looks at every watched figure, and says what is raised and what is over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.alarms.domain.evaluation import Evaluation, Silence, evaluate
from services.metrics.alarms.domain.gathering import answers, first_day, lapses, losses
from services.metrics.alarms.domain.measuring import LAPSED, LOST_REVENUE, LOST_SUBSCRIBERS
from services.metrics.alarms.domain.mornings import mornings_of
from services.metrics.alarms.domain.revising import changes
from services.metrics.alarms.domain.series import Series
from services.metrics.alarms.domain.watch import Direction, Watch
from services.metrics.alarms.repository import alarms, arms, buckets, watches
from services.metrics.alarms.repository.arms import Arm
from services.metrics.alarms.service.contracted import Kept, of_segment
from services.metrics.alarms.service.saying import Saying
from services.metrics.domain import calendar
from services.metrics.freshness.service import Freshness
from services.metrics.satisfaction.domain.measures import Measure
from services.metrics.satisfaction.domain.query import Days, Query
from services.metrics.satisfaction.domain.query import Metric as Opinion
from services.metrics.satisfaction.errors import MixedFormulas
from services.metrics.satisfaction.service.figures import Satisfaction
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx

# What happened before midnight may be told a little later: a day is looked at when it is over for so long.
CLOSED_AFTER = timedelta(hours=2)
# Figures that are further behind (a replay, a bus that stands still) say nothing of yesterday.
MOST_BEHIND_SECONDS = 900.0
# Where nobody has bought for so long, rather orders are missing than customers.
_QUIET_DAYS = 7
# A change in how paths are made looks at everything anew.
_RULES = 2


class Seen(NamedTuple):
    """What there is to be looked at, or why there is nothing."""

    measure: Measure
    series: Series | Silence


@dataclass(frozen=True, slots=True)
class Watching:
    """Evaluates watches on whole days; the same days give the same paths, in whatever order they were learnt."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    satisfaction: Satisfaction
    freshness: Freshness
    currency: str | None
    walked: Kept = field(default_factory=dict)

    async def look(self) -> int:
        """Look at all that changed since the last time; how many directions of watches that were."""
        measured = await self.freshness.ends()
        looked = 0
        async with self.db.read() as tx:
            behind = await self.freshness.staleness(tx, measured)
            if behind is None or behind > MOST_BEHIND_SECONDS:
                return 0
            known = await arms.digests(tx)
            due: list[tuple[Watch, Seen, bytes]] = []
            seen: dict[tuple[object, ...], Seen] = {}
            for watch in await watches.watches(tx):
                whom = (watch.survey_id, watch.dimension, watch.value)
                about = (watch.metric, watch.window_days, watch.currency, *whom, watch.base_weeks)
                if about not in seen:
                    seen[about] = await self.read(tx, watch)
                digest = digest_of(watch, seen[about])
                if any(known.get((watch.id, direction)) != digest for direction in watch.directions):
                    due.append((watch, seen[about], digest))
        for watch, found, digest in due:
            # Arithmetic for as long as many requests take: it must not hold them up, nor a lock.
            evaluations = [
                await asyncio.to_thread(evaluate, watch, direction, found.measure, found.series)
                for direction in watch.directions
            ]
            async with self.db.write() as writing:
                if await watches.lock(writing, watch.id) == watch:
                    await self.say(writing, watch, evaluations, digest)
                    looked += len(evaluations)
        return looked

    async def read(self, tx: ReadTx, watch: Watch) -> Seen:
        """The days that are over, as the watch sees them."""
        last = self._closed_day()
        match watch.metric:
            case "lapse":
                return Seen(LAPSED, await self._lapses(tx, watch, last))
            case "subscriber_churn" | "mrr_churn":
                return await self._losses(tx, watch, last)
            case metric:
                return await self._opinions(tx, watch, metric, last)

    async def _opinions(self, tx: ReadTx, watch: Watch, metric: Opinion, last: int) -> Seen:
        query = Query(
            metric,
            survey=watch.survey_id,
            filters={} if watch.dimension is None or watch.value is None else {watch.dimension: watch.value},
        )
        first = first_day(last, watch.base_weeks)
        try:
            measure, days = await self.satisfaction.daily(tx, query, Days(first, last))
        except MixedFormulas:
            return Seen(LAPSED, Silence("mixed_formulas"))
        if not any(scores.n for scores in days.values()):
            return Seen(measure, Silence("no_answers"))
        return Seen(measure, answers(measure, first, last, days))

    async def _lapses(self, tx: ReadTx, watch: Watch, closed: int) -> Series | Silence:
        bought = await buckets.last_purchase(tx)
        if bought is None or watch.window_days is None:
            return Silence("no_purchases")
        if bought < closed - _QUIET_DAYS:
            return Silence("no_recent_purchases", calendar.to_date(bought))
        # Of the days after the last order nobody can say yet who came back.
        last = min(closed, bought)
        first = first_day(last, watch.base_weeks)
        everybody, once = await buckets.reached(tx, first, last, watch.window_days)
        if not everybody:
            return Silence("no_window_yet")
        return lapses(first, last, everybody, once)

    async def _losses(self, tx: ReadTx, watch: Watch, last: int) -> Seen:
        first = first_day(last, watch.base_weeks)
        tally = None
        if watch.value is not None:
            tally = await of_segment(tx, UUID(watch.value), self.zone, self.walked)
        if watch.metric == "subscriber_churn":
            measure = LOST_SUBSCRIBERS
            mornings = await buckets.subscribers(tx, first, last) if tally is None else mornings_of(tally, first, last)
        else:
            measure = LOST_REVENUE
            code = watch.currency or self.currency or await buckets.main_currency(tx, last)
            if code is None:
                mornings = {}
            elif tally is None:
                mornings = await buckets.revenue(tx, first, last, code)
            else:
                mornings = mornings_of(tally, first, last, code)
        whole = {day: each for day, each in mornings.items() if first <= day and each.people > 0}
        if not whole:
            return Seen(measure, Silence("no_subscribers"))
        return Seen(measure, losses(first, last, whole, is_compound=measure is LOST_REVENUE))

    async def say(self, tx: WriteTx, watch: Watch, evaluations: Sequence[Evaluation], digest: bytes) -> None:
        """Keep the path of each direction, and tell what is new."""
        now = self.clock.now()
        await arms.drop_others(tx, watch)
        for direction, found in zip(watch.directions, evaluations, strict=True):
            stands = await self._alarms(tx, watch, direction, found, now)
            statistic, threshold = found.now
            await arms.put(
                tx,
                Arm(
                    watch.id,
                    direction,
                    digest,
                    "raised" if stands else "cannot_say" if found.missing else "quiet",
                    found.last,
                    statistic,
                    threshold,
                    now,
                    found.document(),
                ),
            )

    async def _alarms(self, tx: WriteTx, watch: Watch, direction: Direction, found: Evaluation, now: datetime) -> bool:
        """Say what changed of the alarms of a direction; whether one stands."""
        saying = Saying(watch, direction, now, self._closed_day())
        known = await alarms.known(tx, watch, direction, found.firm_from)
        by_id = {each.id: each for each in known}
        if found.missing is not None and not found.steps:
            # Without a path nothing is known to be over.
            return any(each.state == "raised" for each in known)
        gone: set[UUID] = set()
        for change in changes([each.known for each in known], found.dates, found.steps):
            alarm = None if change.known is None else by_id[change.known.id]
            said, event = saying.of(change, alarm, found.evidence(change.dates))
            await alarms.put(tx, said)
            await alarms.add_revision(tx, said, change.what, now)
            by_id[said.id] = said
            gone.add(said.id)
            if event is not None:
                tx.emit(event)
        for alarm in known:
            if alarm.state == "raised" and alarm.id not in gone:
                # How much it is since the change is known better with each day, which is no revision.
                await alarms.put(tx, alarm._replace(evidence=found.evidence(alarm.dates) or alarm.evidence))
        return any(each.state == "raised" for each in by_id.values())

    def _closed_day(self) -> int:
        return calendar.day_of(self.clock.now() - CLOSED_AFTER, self.zone) - 1


def digest_of(watch: Watch, seen: Seen) -> bytes:
    """The same as long as what is watched, and how, is the same."""
    found = sha256(f"{_RULES}:{watch.version}:{seen.measure.definition}:".encode())
    found.update(seen.series.digest() if isinstance(seen.series, Series) else repr(seen.series).encode())
    return found.digest()
