"""Answers what the figures of satisfaction are: each use case reads one consistent snapshot."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.domain.calendar import Period
from services.metrics.errors import BadRange, InTheFuture
from services.metrics.freshness.service import Freshness
from services.metrics.satisfaction.domain import report
from services.metrics.satisfaction.domain.gathering import Gathered, Gathering
from services.metrics.satisfaction.domain.measures import Measure, measure_of
from services.metrics.satisfaction.domain.query import METRICS, Days, Metric, Query
from services.metrics.satisfaction.domain.report import NOBODY, Group, Line, Report
from services.metrics.satisfaction.domain.scores import Formula, Item, Scores, too_few
from services.metrics.satisfaction.domain.seen import Seen
from services.metrics.satisfaction.errors import MixedFormulas, OneDimension, TwoSegments, UnknownPersona
from services.metrics.satisfaction.repository import own, reading, single
from services.metrics.satisfaction.repository.reading import Slot
from shared.clock import Clock
from shared.db.engine import Database, ReadTx

DEFAULT_DAYS = 90
MAX_POINTS = 1_000
_POINTS: Mapping[Period, int] = {"day": 30, "week": 13, "month": 13}


@dataclass(frozen=True, slots=True)
class Point:
    """The figure of one period; the running one is not complete."""

    start: date
    end: date
    is_complete: bool
    line: Line


class SeenSeries(NamedTuple):
    """A figure through time."""

    query: Query
    measure: Measure
    period: Period
    points: Sequence[Point]
    as_of: datetime
    time_zone: str
    staleness_seconds: float | None


class Gauges(NamedTuple):
    """The figures of all over the last 90 days; None where they have none in common."""

    lines: Mapping[Metric, Line | None]
    open_cases: int


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """NPS, CSAT and CES over any days and by any dimension."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    freshness: Freshness

    async def figure(
        self,
        query: Query,
        *,
        first: date | None = None,
        last: date | None = None,
        compare_with: tuple[date, date] | None = None,
    ) -> Seen:
        """The figure over the days from `first` to `last` (default: the last 90), beside that of other days if asked.

        Raises:
            InTheFuture: a day has not come yet.
            BadRange: the first day is after the last.
            MixedFormulas: a CES of surveys that make it differently.
            UnknownPersona, TwoSegments: no such persona is in use, or a segment is named as well.
        """
        days = self._days(first, last)
        other = None if compare_with is None else self._days(*compare_with)
        async with self._snapshot() as (tx, staleness):
            found = await self.report(tx, query, days, other)
            yardsticks = await own.yardsticks(tx, query.metric)
        return Seen(found, yardsticks, self.clock.now(), self.zone.key, staleness)

    async def report(self, tx: ReadTx, query: Query, days: Days, other: Days | None = None) -> Report:
        """The same within a transaction."""
        query, names = await _with_personas(tx, query)
        found = await _items(tx, query)
        now = await self._count(tx, query, found, days, names)
        then = None if other is None else await self._count(tx, query, found, other, names)
        hidden = _hidden(query, now) | (set() if then is None else _hidden(query, then))
        lines = [
            report.line(found.measure(key), key, each, is_shown=key not in hidden, level=query.level)
            for key, each in sorted(now.groups.items())
        ]
        total = None
        if not found.is_mixed:
            is_shown = not too_few({"": now.total.scores.anonymous}, parts_of_a_whole=False)
            total = report.line(found.measure(), None, now.total, is_shown=is_shown, level=query.level)
        if then is not None:
            before = then.groups
            pairs = [(now.groups[key], before.get(key, _NOTHING)) for key in sorted(now.groups)]
            lines = report.beside(lines, pairs, query.level)
            if total is not None and not too_few({"": then.total.scores.anonymous}, parts_of_a_whole=False):
                [total] = report.beside([total], [(now.total, then.total)], query.level)
        return Report(query, days, other, total, lines, len(hidden & now.groups.keys()))

    async def gauges(self) -> Gauges:
        """What Prometheus shows."""
        lines: dict[Metric, Line | None] = {}
        async with self.db.read() as tx:
            for metric in METRICS:
                try:
                    lines[metric] = (await self.report(tx, Query(metric), self._days(None, None))).total
                except MixedFormulas:
                    lines[metric] = None
            return Gauges(lines, await reading.open_cases(tx))

    async def series(
        self, query: Query, period: Period, *, first: date | None = None, last: date | None = None
    ) -> SeenSeries:
        """The figure of each period that the days touch. The newest answer of a person is that of each period.

        Raises:
            InTheFuture, BadRange, MixedFormulas, UnknownPersona, TwoSegments: as `figure` does.
            OneDimension: more than one dimension is asked for.
        """
        to = self._days(None, last).last
        since = _default_start(period, to) if first is None else calendar.day_number(first)
        if since > to:
            raise BadRange(f"from ({first}) is after to ({calendar.to_date(to)}).")
        periods = calendar.periods_between(period, since, to, most=MAX_POINTS)
        if periods is None:
            raise BadRange(f"The range has more than {MAX_POINTS} periods; ask for longer ones or fewer days.")
        if len(query.dimensions) > 1:
            raise OneDimension
        async with self._snapshot() as (tx, staleness):
            query, _ = await _with_personas(tx, query)
            found = await _items(tx, query)
            days = Days(periods[0].start, periods[-1].end - 1)
            groups = await _by_period(tx, query, found, days, period)
        hidden = too_few({key: each.scores.anonymous for key, each in groups.items()}, parts_of_a_whole=True)
        points = []
        for each in periods:
            key = str(each.start)
            line = report.line(
                found.measure(), None, groups.get(key, _NOTHING), is_shown=key not in hidden, level=query.level
            )
            is_complete = each.end <= self._today()
            points.append(Point(calendar.to_date(each.start), calendar.to_date(each.end - 1), is_complete, line))
        return SeenSeries(query, found.measure(), period, points, self.clock.now(), self.zone.key, staleness)

    async def daily(self, tx: ReadTx, query: Query, days: Days) -> tuple[Measure, Mapping[int, Scores]]:
        """How the figure is made, and what was answered on each of these days; of a person the newest of each day.

        Raises:
            MixedFormulas: as `figure` does.
        """
        found = await _items(tx, query)
        groups = await _by_period(tx, query, found, days, "day")
        return found.measure(), {int(day): each.scores for day, each in groups.items()}

    async def _count(self, tx: ReadTx, query: Query, found: "_Items", days: Days, names: Mapping[str, str]) -> Gathered:
        """What was counted on these days. Of segments, which overlap, the total is counted by itself."""
        gathering = Gathering(query, found.items)
        if query.is_of_single_answers:
            since, until = (self._midnight(day) for day in (days.first, days.last + 1))
            for kind, is_newest, each in await single.counted(tx, found.items, query, since, until):
                gathering.add(kind, each, is_newest=is_newest or query.persons == "all")
        else:
            slot, items = Slot.of(query), list(found.items)
            for kind, each in await reading.counted(tx, items, slot, days):
                gathering.add(kind, each)
            if query.persons == "latest":
                for each in await reading.followed(tx, items, slot, days, query.mode):
                    gathering.take_out(each)
            if slot.dimension != "locale":
                gathering.add_asked(await reading.asked(tx, found.surveys, slot, days))
        counted = gathering.result()
        if query.grouping != "segment":
            return counted
        total = (await self._count(tx, replace(query, by=None), found, days, {})).total
        return Gathered(_of_personas(counted.groups, names) if query.by == "persona" else counted.groups, total)

    def _days(self, first: date | None, last: date | None) -> Days:
        today = self._today()
        end = today if last is None else calendar.day_number(last)
        if end > today:
            raise InTheFuture(calendar.to_date(end), calendar.to_date(today))
        start = end - DEFAULT_DAYS + 1 if first is None else calendar.day_number(first)
        if start > end:
            raise BadRange(f"from ({calendar.to_date(start)}) is after to ({calendar.to_date(end)}).")
        return Days(start, end)

    def _today(self) -> int:
        return calendar.day_of(self.clock.now(), self.zone)

    def _midnight(self, day: int) -> datetime:
        return datetime.combine(calendar.to_date(day), time(), self.zone)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[tuple[ReadTx, float | None]]:
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            yield tx, await self.freshness.staleness(tx, measured)


@dataclass(frozen=True, slots=True)
class _Items:
    """The questions a query is about, and how each survey's figure is made."""

    metric: Metric
    items: Mapping[UUID, Item]
    formulas: Mapping[UUID, Formula]
    is_by_survey: bool

    @property
    def surveys(self) -> list[UUID]:
        return sorted({each.survey_id for each in self.items.values()})

    @property
    def used(self) -> list[Formula]:
        """The formulas of these surveys."""
        return sorted({self.formulas.get(survey, "mean") for survey in self.surveys})

    @property
    def is_mixed(self) -> bool:
        return self.metric == "ces" and len(self.used) > 1

    def measure(self, group: str | None = None) -> Measure:
        """How the figure of a group is made, or of all."""
        if self.is_by_survey and group is not None:
            return measure_of(self.metric, self.formulas.get(UUID(group), "mean"))
        return measure_of(self.metric, self.used[0] if self.used else "mean")


_NOTHING = Group(Scores(), 0, None)


async def _items(tx: ReadTx, query: Query) -> _Items:
    items = {each.id: each for each in await reading.items(tx, query.metric, query.survey, query.question)}
    formulas = await own.formulas(tx) if query.metric == "ces" else {}
    found = _Items(query.metric, items, formulas, query.by == "survey")
    if found.is_mixed and query.by != "survey":
        raise MixedFormulas(found.used)
    return found


async def _with_personas(tx: ReadTx, query: Query) -> tuple[Query, Mapping[str, str]]:
    """The query with segments for personas, and the segment of each persona."""
    if query.by != "persona" and "persona" not in query.filters:
        return query, {}
    names = await reading.personas(tx)
    if (persona := query.filters.get("persona")) is None:
        return query, names
    if "segment" in query.filters:
        raise TwoSegments
    if persona not in names:
        raise UnknownPersona(persona)
    filters = {name: value for name, value in query.filters.items() if name != "persona"}
    return replace(query, filters=filters | {"segment": names[persona]}), names


def _of_personas(groups: Mapping[str, Group], names: Mapping[str, str]) -> dict[str, Group]:
    """Groups by persona, of groups by segment; several personas may describe one segment."""
    return {persona: groups.get(segment, Group(Scores(), 0, NOBODY)) for persona, segment in names.items()}


def _hidden(query: Query, found: Gathered) -> set[str]:
    anonymous = {key: each.scores.anonymous for key, each in found.groups.items()}
    return too_few(anonymous, parts_of_a_whole=query.grouping != "segment")


async def _by_period(tx: ReadTx, query: Query, found: _Items, days: Days, period: Period) -> dict[str, Group]:
    """What was counted in each period, by its first day."""
    slot, items = Slot.of(query), list(found.items)
    gatherings: defaultdict[int, Gathering] = defaultdict(lambda: Gathering(replace(query, by=None), found.items))
    for start, kind, each in await reading.counted_by_period(tx, items, slot, days, period):
        gatherings[start].add(kind, each)
    if query.persons == "latest":
        for start, each in await reading.followed_by_period(tx, items, slot, days, period, query.mode):
            gatherings[start].take_out(each)
    return {str(start): each.result().total for start, each in gatherings.items()}


def _default_start(period: Period, to: int) -> int:
    start = calendar.period_start(period, to)
    for _ in range(_POINTS[period] - 1):
        start = calendar.period_before(period, start)
    return start
