"""Use cases of the figures: each reads one consistent snapshot."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.domain.calendar import PERIODS, Period
from services.metrics.domain.customer import CustomerFigures, customer_figures
from services.metrics.domain.figure import Frame
from services.metrics.domain.people import (
    People,
    at_each,
    lifecycle_figures,
    people_figures,
    window_figures,
)
from services.metrics.domain.series import Metric, Plan, Point, lifecycle_points, money_points, people_points
from services.metrics.domain.summary import Summary
from services.metrics.domain.totals import lifetime_value, main_currency, order_figures, other_currencies
from services.metrics.errors import BadRange, InTheFuture, UnknownCustomer
from services.metrics.figures import repository
from services.metrics.freshness.service import Freshness
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import members
from shared.rights import audit

MAX_POINTS = 4_000
# How many periods a series shows where no beginning is asked for.
POINTS: Mapping[Period, int] = {"day": 30, "week": 13, "month": 13}


@dataclass(frozen=True, slots=True)
class Series:
    """One figure through time."""

    frame: Frame
    metric: Metric
    period: Period
    window: int
    currency: str | None
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers what the figures are. `currency` and `margin` (a decimal string) are the firm's."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    margin: str
    freshness: Freshness

    async def summary(
        self,
        *,
        as_of: date | None = None,
        window: int = 90,
        currency: str | None = None,
        more_windows: Sequence[int] = (),
    ) -> Summary:
        """Totals of the firm as of a day; what depends on a window also for each of `more_windows`."""
        day = self._day(as_of)
        windows = sorted({window, *more_windows})
        periods = [calendar.period_of(period, day) for period in PERIODS]
        async with self._snapshot(day) as (tx, frame):
            totals = await repository.totals(tx, day)
            people = await repository.people(tx, day, windows)
            lifecycles = await repository.lifecycles(tx, periods, day)
        code = main_currency(totals, currency or self.currency)
        value = lifetime_value(totals, code, self.margin)
        return Summary(
            frame,
            window,
            code,
            {
                **order_figures(frame, totals, code),
                **people_figures(frame, people),
                **window_figures(frame, people, window),
                "historical_clv": frame.mean("historical_clv", value, people.customers, code, margin=self.margin),
            },
            {
                each.period: lifecycle_figures(frame, lifecycles[each.period, each.start], each.period)
                for each in periods
            },
            other_currencies(frame, totals, code),
            {each: window_figures(frame, people, each) for each in windows},
        )

    async def customer(
        self, customer: UUID, *, as_of: date | None = None, window: int = 90, currency: str | None = None
    ) -> CustomerFigures:
        """Figures of one person, under whichever of their keys they are asked for.

        Raises:
            UnknownCustomer: no order of theirs is known.
        """
        day = self._day(as_of)
        async with self._snapshot(day) as (tx, frame):
            root, keys = await members.find(tx, customer)
            audit.saw((root,))
            orders = await repository.orders_of(tx, keys)
        if not orders:
            raise UnknownCustomer
        return customer_figures(
            frame,
            orders,
            root=root,
            keys=keys,
            day=day,
            window=window,
            zone=self.zone,
            currency=currency or self.currency,
            margin=self.margin,
        )

    async def series(
        self,
        metric: Metric,
        *,
        period: Period = "day",
        first: date | None = None,
        last: date | None = None,
        window: int = 90,
        currency: str | None = None,
    ) -> Series:
        """One figure through time, a point for each period that the days from `first` to `last` touch.

        Raises:
            InTheFuture: `last` has not come yet.
            BadRange: `first` is after `last`, or the periods are too many.
        """
        today = self._day(None)
        to = self._day(last)
        since = (
            calendar.last_periods(period, to, POINTS[period])[0].start if first is None else calendar.day_number(first)
        )
        if since > to:
            raise BadRange(f"from ({first}) is after to ({calendar.to_date(to)}).")
        periods = calendar.periods_between(period, since, to, most=MAX_POINTS)
        if periods is None:
            raise BadRange(f"The range has more than {MAX_POINTS} periods; ask for longer ones or fewer days.")
        async with self._snapshot(today) as (tx, frame):
            plan = Plan(metric, periods, today, frame)
            code = main_currency(await repository.totals(tx, today), currency or self.currency)
            points = await self._points(tx, plan, window=window, currency=code)
        return Series(frame, metric, period, window, code, points)

    async def _points(self, tx: ReadTx, plan: Plan, *, window: int, currency: str | None) -> list[Point]:
        days = plan.days
        if plan.metric.is_money:
            rows = await repository.money_by_day(tx, plan.periods[0].start, days[-1])
            return money_points(plan, rows, currency)
        if plan.metric.is_lifecycle:
            return lifecycle_points(plan, await repository.lifecycles(tx, plan.periods, plan.today))
        customers = at_each(await repository.first_purchases(tx, days[-1]), days)
        repeaters = at_each(await repository.second_purchases(tx, days[-1]), days)
        active = at_each(await repository.active_changes(tx, days[0], days[-1], window), days)
        people = [
            People(ever, ever - again, {window: here})
            for ever, again, here in zip(customers, repeaters, active, strict=True)
        ]
        return people_points(plan, people, window)

    def today(self) -> date:
        """The firm's day."""
        return self.clock.now().astimezone(self.zone).date()

    def _day(self, as_of: date | None) -> int:
        today = self.today()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        return calendar.day_number(as_of or today)

    @asynccontextmanager
    async def _snapshot(self, day: int) -> AsyncIterator[tuple[ReadTx, Frame]]:
        """A transaction that sees one moment, and the frame of figures read in it."""
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            yield tx, Frame(calendar.to_date(day), self.zone.key, staleness)
