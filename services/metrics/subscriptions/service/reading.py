"""What the figures of subscriptions are: each use case reads one consistent snapshot, and sums by day alone."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import partial
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.domain.calendar import Period
from services.metrics.domain.figure import Figure, Frame
from services.metrics.errors import BadRange, InTheFuture
from services.metrics.freshness.service import Freshness
from services.metrics.subscriptions.domain import report
from services.metrics.subscriptions.domain.cohorts import Cohorts, rows_of, weighted
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from services.metrics.subscriptions.domain.exchange import Exchange
from services.metrics.subscriptions.domain.people import ROLLING_DAYS, Crowd, of_people
from services.metrics.subscriptions.domain.policy import Counting
from services.metrics.subscriptions.domain.pricing import Interval
from services.metrics.subscriptions.domain.report import (
    Asked,
    Churn,
    Days,
    Money,
    Monthly,
    Movements,
    Revenue,
    Step,
    Value,
)
from services.metrics.subscriptions.domain.stream import Stream, streams_of
from services.metrics.subscriptions.domain.worth import worth_of
from services.metrics.subscriptions.repository import own, reading
from shared.clock import Clock
from shared.db.engine import Database, ReadTx

# The longest time that one answer looks at day by day.
MAX_DAYS = 1_100
# Of departures pairs of days are looked at.
MAX_CHURN_DAYS = 400
MAX_PERIODS = 400
MONTH_DAYS = ROLLING_DAYS

_Make = Callable[[Frame, Stream], report.Figures]


@dataclass(frozen=True, slots=True)
class Seen:
    """All that one answer needs: movements by day up to `last`, from `first` on one by one, and rates."""

    frame: Frame
    counting: Counting
    crowd: Crowd
    streams: Sequence[Stream]
    into: str | None
    total: Stream | None
    reasons: Sequence[report.Why]

    def money(self, make: _Make) -> Money:
        """Figures of each currency by itself, and of all together where that can be said."""
        total = None if self.total is None else make(self.frame, self.total)
        by_currency = {each.currency: make(self.frame, each) for each in self.streams}
        return Money(by_currency, self.into, total, self.reasons)

    def cut(self, periods: Sequence[Days]) -> "list[Seen]":
        """The same period by period."""
        pairs = [(each.first, each.last) for each in periods]
        streams = [each.parts(pairs) for each in self.streams]
        totals = [None] * len(pairs) if self.total is None else self.total.parts(pairs)
        return [
            replace(self, streams=[each[number] for each in streams], total=totals[number])
            for number in range(len(pairs))
        ]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Answers what subscriptions come to. `currency` is the firm's, into which others are brought."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    freshness: Freshness

    async def monthly(self, as_of: date | None = None) -> Monthly:
        """Monthly churn and MRR as of a day, each with all that explains it; what the score card shows."""
        day = self._day(as_of)
        days = Days(day - MONTH_DAYS + 1, day)
        seen = await self._seen(days.first, day, None)
        money = seen.money(lambda frame, stream: report.revenue_figures(frame, stream, seen.crowd.there(day), day))
        lost = {each.currency: report.churn_figures(seen.frame, each, days)["gross"] for each in seen.streams}
        people = report.people_figures(seen.frame, seen.crowd, days)
        return Monthly(
            seen.frame,
            people["subscribers"],
            people["churn_standard"],
            {code: figures["mrr"] for code, figures in money.by_currency.items()},
            lost,
            money.currency,
            None if money.together is None else money.together["mrr"],
            money.reasons,
        )

    async def churn(self, first: date | None, last: date | None, currency: str | None) -> Churn:
        """Who left and what went with them, from `first` to `last`; by default in the 30 days up to today.

        Raises:
            InTheFuture: `last` has not come yet.
            BadRange: `first` is after `last`, or they are too far apart.
        """
        days = self._days(first, last)
        seen = await self._seen(min(days.first, days.last - ROLLING_DAYS + 1), days.last, currency)
        there = seen.crowd.there(days.first - 1)
        return Churn(
            seen.frame,
            seen.counting,
            days,
            report.people_figures(seen.frame, seen.crowd, days),
            report.cause_figures(seen.frame, seen.crowd, days),
            seen.money(lambda frame, stream: report.churn_figures(frame, stream, days)),
            [] if there else [report.NOBODY],
        )

    async def revenue(self, as_of: date | None, currency: str | None) -> Revenue:
        """What subscriptions bring in a month at the end of a day.

        Raises:
            InTheFuture: the day has not come yet.
        """
        day = self._day(as_of)
        seen = await self._seen(day, day, currency, with_departures=False)
        there = seen.crowd.there(day)
        people: dict[str, Figure] = {
            "subscribers": seen.frame.plain("subscribers", there),
            "unpriced_subscriptions": seen.frame.plain("unpriced_subscriptions", seen.crowd.unpriced(day)),
        }
        money = seen.money(lambda frame, stream: report.revenue_figures(frame, stream, there, day))
        return Revenue(seen.frame, seen.counting, people, money)

    async def movements(self, period: Period, first: date | None, last: date | None, currency: str | None) -> Movements:
        """What moved revenue in each period that the days touch; by default in the running one and those before it.

        Raises:
            InTheFuture: `last` has not come yet.
            BadRange: `first` is after `last`, or the periods are too many.
        """
        end = self._day(last)
        since = _some_before(period, end) if first is None else calendar.day_number(first)
        if since > end:
            raise BadRange(f"from ({first}) is after to ({calendar.to_date(end)}).")
        periods = calendar.periods_between(period, since, end, most=MAX_PERIODS)
        if periods is None or end - periods[0].start >= MAX_DAYS:
            raise BadRange(f"The range has more than {MAX_PERIODS} periods, or {MAX_DAYS} days.")
        seen = await self._seen(periods[0].start, end, currency, with_departures=False, with_people=False)
        today = self._day(None)
        days = [Days(each.start, min(each.end - 1, end)) for each in periods]
        steps = [
            Step(each, whole.end <= today, part.money(partial(report.movement_figures, days=each)))
            for each, whole, part in zip(days, periods, seen.cut(days), strict=True)
        ]
        return Movements(seen.frame, seen.counting, steps)

    async def cohorts(self, months: int, as_of: date | None) -> Cohorts:
        """Retention of those who first came in each of the last `months` months.

        Raises:
            InTheFuture: the day has not come yet.
        """
        day = self._day(as_of)
        first = calendar.period_start("month", day)
        for _ in range(months - 1):
            first = calendar.period_before("month", first)
        async with self._snapshot(day) as (tx, frame):
            counting = await own.counting(tx)
            came = await reading.came(tx, first, day)
            changes = await reading.cohorts(tx, first, day)
        rows = rows_of(frame, came, changes, day, months)
        return Cohorts(frame, counting, rows, weighted(frame, rows, months - 1))

    async def value(self, asked: Asked, currency: str | None) -> Value:
        """What the subscriptions there now will pay at renewals to come, as of today; or why that cannot be said."""
        day = self._day(None)
        first = calendar.period_start("month", day)
        for _ in range(_LTV_MONTHS):
            first = calendar.period_before("month", first)
        seen = await self._seen(first, day, currency, only=currency or self.currency)
        code = currency or self.currency or max(seen.streams, key=_size, default=_NO_STREAM).currency
        async with self._snapshot(day) as (tx, frame):
            aged = await reading.aged(tx, code, day)
        periods = sorted({each.period for each in aged}, key=_length)
        worths = [
            worth_of(name, [each for each in aged if each.period == name], asked.annual_discount, asked.horizon_months)
            for name in periods
        ]
        stream = next((each for each in seen.streams if each.currency == code), None)
        rate = None if stream is None else _constant_rate(seen.crowd, stream, first, day)
        figures = report.value_figures(frame, worths, asked, code, rate) if code else {}
        return Value(frame, seen.counting, asked, code or None, worths, figures, None if worths else "no_subscriptions")

    def _days(self, first: date | None, last: date | None) -> Days:
        end = self._day(last)
        since = end - MONTH_DAYS + 1 if first is None else calendar.day_number(first)
        if since > end:
            raise BadRange(f"from ({first}) is after to ({calendar.to_date(end)}).")
        if end - since >= MAX_CHURN_DAYS:
            raise BadRange(f"The range has more than {MAX_CHURN_DAYS} days.")
        return Days(since, end)

    async def _seen(
        self,
        first: int,
        last: int,
        currency: str | None,
        *,
        with_departures: bool = True,
        with_people: bool = True,
        only: str | None = None,
    ) -> Seen:
        """Not `with_people`: nobody is in the crowd, for figures of money alone. `only`: no stream but of this."""
        async with self._snapshot(last) as (tx, frame):
            counting = await own.counting(tx)
            rows = await reading.moves(tx, first, last, with_people=with_people, only=only)
            ended = await reading.ended(tx, first, last) if with_departures else []
            streams = streams_of(rows, first)
            into = currency or self.currency or (streams[0].currency if len(streams) == 1 else None)
            exchange = None if into is None else Exchange(await own.rates(tx, into), into)
        total, reasons = report.together(streams, exchange, last)
        return Seen(frame, counting, Crowd(first, of_people(rows), ended), streams, into, total, reasons)

    def _day(self, as_of: date | None) -> int:
        today = self.clock.now().astimezone(self.zone).date()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        return calendar.day_number(as_of or today)

    @asynccontextmanager
    async def _snapshot(self, day: int) -> AsyncIterator[tuple[ReadTx, Frame]]:
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            yield tx, Frame(calendar.to_date(day), self.zone.key, staleness, SUBSCRIPTION)


_LTV_MONTHS = 6
_NO_STREAM = Stream("", 0, 0, {}, {})


def _size(stream: Stream) -> tuple[Fraction | int, str]:
    return stream.start + sum(sum(each.values()) for each in stream.days.values()), stream.currency


def _length(period: str) -> tuple[Fraction, str]:
    return Interval.of_name(period).in_months, period


def _constant_rate(crowd: Crowd, stream: Stream, first: int, day: int) -> Fraction | None:
    """Revenue per subscriber over the mean churn of the six full months before the running one."""
    rates, start = [], first
    while (end := calendar.period_after("month", start)) <= day:
        found = crowd.standard(start, end - 1)
        if not found.whole:
            return None
        rates.append(Fraction(found.part, found.whole))
        start = end
    there = crowd.there(day)
    mean = sum(rates, Fraction(0)) / len(rates)
    return Fraction(stream.balance(day)) / there / mean if there and mean else None


_PERIODS: dict[Period, int] = {"day": 30, "week": 13, "month": 13}


def _some_before(period: Period, day: int) -> int:
    start = calendar.period_start(period, day)
    for _ in range(_PERIODS[period] - 1):
        start = calendar.period_before(period, start)
    return start
