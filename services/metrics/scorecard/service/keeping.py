"""Figures that cost too much for a page, computed by the clock: one of each day, the newest of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.metrics.domain import calendar
from services.metrics.domain.intervals import Interval, wilson
from services.metrics.domain.people import People
from services.metrics.domain.totals import main_currency
from services.metrics.earned.domain.growth import Growth
from services.metrics.earned.domain.report import Period
from services.metrics.earned.service.reading import EarnedGrowth
from services.metrics.figures import repository as figures
from services.metrics.retention.service.reading import Retention
from services.metrics.scorecard.domain.card import Reason
from services.metrics.scorecard.domain.drafts import decimal
from services.metrics.scorecard.domain.engagement import WINDOWS
from services.metrics.scorecard.domain.kept import KeptFigure, band
from services.metrics.scorecard.repository import reading, segments
from services.metrics.scorecard.repository.reading import Kept
from services.metrics.scorecard.service.recurring import recurring
from services.metrics.scorecard.service.worth import HORIZON_DAYS, money_band, worth_of
from services.metrics.value.service.valuing import Value
from shared.clock import Clock
from shared.db.engine import Database

# Earned growth looks at every order of two periods: of a year that would be every order of two.
GROWTH_DAYS = (30, 90)
_HOUR = timedelta(hours=1)
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Computes what is due, and keeps it."""

    db: Database
    clock: Clock
    value: Value
    growth: EarnedGrowth
    retention: Retention

    async def keep(self) -> int:
        """Compute what is of another day, or older than it may be; how many figures were kept."""
        day = calendar.day_of(self.clock.now(), self.value.zone)
        kept = 0
        jobs: Sequence[tuple[str, timedelta, Callable[[int], Awaitable[list[Kept]]]]] = (
            ("predicted_clv", _HOUR, self._worth),
            (f"lapse_rate:{WINDOWS[0]}", _HOUR, self._lapse),
            (f"earned_growth_rate:{GROWTH_DAYS[0]}", _HOUR, self._earned),
            (f"revenue:{WINDOWS[0]}", _HOUR, self._revenue),
            ("mrr", _HOUR, self._recurring),
        )
        for figure, age, compute in jobs:
            async with self.db.read() as tx:
                newest = await reading.newest_kept(tx, figure)
            # What could not be said yet is tried again each time.
            if newest is not None and newest[0] == day and newest[2] and self.clock.now() - newest[1] < age:
                continue
            # As old as what it was computed from, however long that took: another process may have begun later.
            began = self.clock.now()
            found = await compute(day)
            async with self.db.write() as tx:
                await reading.keep(tx, found, began)
            kept += len(found)
        return kept

    async def _worth(self, day: int) -> list[Kept]:
        """What a customer will probably bring within a year; of everybody, and of segments that personas describe."""
        total = await self.value.total(horizon_days=HORIZON_DAYS)
        async with self.db.read() as tx:
            told = await reading.segment_values(tx)
        found = [Kept("predicted_clv", EVERYBODY, day, worth_of(total, self.value.margin, self.clock.now()).document())]
        for segment, each in told.items():
            if each.valued and each.currency == total.currency and total.currency is not None:
                interval = money_band(each.clv_low_minor, each.clv_high_minor, total.currency)
                figure = self._figure(
                    "predicted_clv",
                    decimal(each.clv_minor, total.currency),
                    None,
                    interval=interval,
                    denominator=each.valued,
                    currency=total.currency,
                    horizon_days=HORIZON_DAYS,
                    margin=self.value.margin,
                )
                found.append(Kept("predicted_clv", segment, day, figure.document()))
        return found

    async def _lapse(self, day: int) -> list[Kept]:
        """Who has lapsed of the members that each segment has now."""
        found: list[Kept] = []
        for window in WINDOWS:
            answer = await self.retention.segments(window, is_patient=True)
            for members in answer.segments or ():
                if members.segment is not None:
                    figure = self._lapsed(members.people, window)
                    found.append(Kept(f"lapse_rate:{window}", str(members.segment), day, figure.document()))
            # Also without any segment something is kept, so that it is not computed again at once.
            everybody = self._lapsed(answer.everybody, window)
            found.append(Kept(f"lapse_rate:{window}", EVERYBODY, day, everybody.document()))
        return found

    def _lapsed(self, people: People, window: int) -> KeptFigure:
        customers, lapsed = people.customers, people.customers - people.active[window]
        if not customers:
            return self._figure("lapse_rate", None, "no_data", window_days=window)
        return self._figure(
            "lapse_rate",
            lapsed / customers,
            None,
            interval=wilson(lapsed, customers),
            numerator=lapsed,
            denominator=customers,
            window_days=window,
        )

    async def _earned(self, day: int) -> list[Kept]:
        """Earned growth of as many days up to today over as many before; of everybody, and of each segment."""
        found: list[Kept] = []
        for days in GROWTH_DAYS:
            name = f"earned_growth_rate:{days}"
            report = await self.growth.growth(calendar.to_date(day - days + 1), calendar.to_date(day), is_patient=True)
            code = report.currency
            growths = {EVERYBODY: report.growths} | await self.growth.by_segment(days, day)
            for segment, by_currency in growths.items():
                growth = None if code is None else by_currency.get(code)
                found.append(Kept(name, segment, day, self._grown(growth, code).document()))
        return found

    def _grown(self, growth: Growth | None, currency: str | None) -> KeptFigure:
        if growth is None or currency is None or not growth.has_base:
            return self._figure("earned_growth_rate", None, "no_base")
        least, _ = growth.earned_minor()
        return self._figure(
            "earned_growth_rate",
            float(growth.rate.low),
            None,
            interval=band(growth.rate.low, growth.rate.high),
            numerator=decimal(least - growth.before, currency),
            currency=currency,
            revenue_before=decimal(growth.before, currency),
        )

    async def _revenue(self, day: int) -> list[Kept]:
        """What those who are in each segment now paid in each period, and in the one before it; a mark of everybody."""
        async with self.db.read() as tx:
            totals = await figures.totals(tx, day)
            code = main_currency(totals, self.value.currency)
            ends = {(days, end): f"{days}:{end}" for days in WINDOWS for end in (day, day - days)}
            spans = [segments.Span(name, *self._span(end - days + 1, end)) for (days, end), name in ends.items()]
            spent = [] if code is None else await segments.revenue(tx, code, spans)
        by_name = {(each.segment, each.span): each for each in spent}
        found = [Kept(f"revenue:{days}", EVERYBODY, day, self._paid(None, code).document()) for days in WINDOWS]
        for segment in sorted({each.segment for each in spent}):
            for (days, end), name in ends.items():
                figure = self._paid(by_name.get((segment, name)), code)
                found.append(Kept(f"revenue:{days}", segment, end, figure.document()))
        return found

    async def _recurring(self, day: int) -> list[Kept]:
        """What those who are in each segment now bring in a month, at the end of each period; a mark of everybody."""
        async with self.db.read() as tx:
            code = main_currency(await figures.totals(tx, day), self.value.currency)
        ends = [day, *(day - days for days in WINDOWS)]
        found = [] if code is None else await recurring(self.db, self.value.zone, ends, code)
        kept = [Kept("mrr", EVERYBODY, day, self._figure("mrr", None if code is None else "0", None).document())]
        for each in found:
            value = None if each.minor is None or code is None else decimal(each.minor, code)
            reason: Reason | None = "no_rate" if value is None else None
            kept.append(
                Kept("mrr", each.segment, each.day, self._figure("mrr", value, reason, currency=code).document())
            )
        return kept

    def _span(self, first: int, last: int) -> tuple[datetime, datetime]:
        return Period(calendar.to_date(first), calendar.to_date(last)).span(self.value.zone)

    def _paid(self, spent: segments.Spent | None, currency: str | None) -> KeptFigure:
        minor, orders = (0, 0) if spent is None else (spent.minor, spent.orders)
        value = None if currency is None else decimal(minor, currency)
        return self._figure("period_revenue", value, None, currency=currency, orders=orders)

    def _figure(
        self,
        name: str,
        value: float | str | None,
        reason: Reason | None,
        *,
        interval: Interval | None = None,
        numerator: int | str | None = None,
        denominator: int | None = None,
        currency: str | None = None,
        **parameters: int | str,
    ) -> KeptFigure:
        return KeptFigure(name, value, reason, interval, numerator, denominator, currency, self.clock.now(), parameters)
