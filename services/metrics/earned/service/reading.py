"""Earned growth as it is shown: exact money of two periods, and what of it came back or was brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.metrics.domain.orders import accounts
from services.metrics.domain.totals import Totals, main_currency
from services.metrics.earned import repository
from services.metrics.earned.domain.growth import CLASSES, Class, Growth
from services.metrics.earned.domain.report import GrowthReport, Period
from services.metrics.earned.repository import Comers, Entry, Paid
from services.metrics.errors import BadRange
from services.metrics.freshness.service import Freshness
from shared.clock import Clock
from shared.db.engine import Database
from shared.events.orders import Order

MAX_DAYS = 1_100


@dataclass(frozen=True, slots=True)
class EarnedGrowth:
    """Reads earned growth; `currency` is the firm's.

    A read looks at the orders of the two periods, and at the first order of whoever bought in the second alone: at no
    other customer. It costs some ten microseconds of CPU for each such order, so that a month of a large firm takes
    seconds and a year of it more: a figure to be read now and then, not at every scrape. `bench_gap.py` measures it.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    freshness: Freshness

    async def growth(
        self, first: date, last: date, *, before_first: date | None = None, currency: str | None = None
    ) -> GrowthReport:
        """Growth of the days from `first` to `last` over as many days before: those that begin on `before_first`, or
        the last ones before `first`.

        Raises:
            BadRange: the days make no range, are too many, or the two periods overlap.
        """
        now = Period(first, last)
        if first > last:
            raise BadRange(f"from ({first}) is after to ({last}).")
        if now.days > MAX_DAYS:
            raise BadRange(f"The range has more than {MAX_DAYS} days.")
        before = _before(now, before_first)
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            span = before.span(self.zone)
            orders = await repository.refunded(tx, span.start)
            refunds = self._refunds(orders, before, now)
            sums, people = await repository.paid(tx, span, now.span(self.zone), refunds)
            staleness = await self.freshness.staleness(tx, measured)
        return GrowthReport(
            now=now,
            before=before,
            as_of=self.clock.now(),
            time_zone=self.zone.key,
            staleness_seconds=staleness,
            currency=_currency(sums, currency or self.currency),
            growths=_growths(sums),
            people=_people(people),
        )

    def _refunds(self, orders: Sequence[Order], before: Period, now: Period) -> list[Entry]:
        """What went back in each period, by the rule of every figure of money."""
        found: list[Entry] = []
        for order in orders:
            if order.placing is None:
                continue
            for entry in accounts(order, self.zone).entries:
                is_now = now.holds(entry.day)
                if entry.sums.refunds_minor and (is_now or before.holds(entry.day)):
                    minor = -entry.sums.refunds_minor
                    found.append(Entry(order.placing.customer, entry.currency, is_now, minor))
        return found


def _before(now: Period, first: date | None) -> Period:
    try:
        start = now.first - timedelta(days=now.days) if first is None else first
        before = Period(start, start + timedelta(days=now.days - 1))
    except OverflowError:
        raise BadRange("There are no days before these.") from None
    if before.last >= now.first:
        raise BadRange(f"The period before has as many days ({now.days}), and ends before the other begins.")
    if before.first.year < 1900:
        raise BadRange("There is no money before 1900.")
    return before


def _growths(sums: Sequence[Paid]) -> dict[str, Growth]:
    found: dict[str, Growth] = {}
    for currency in sorted({each.currency for each in sums}):
        own = {each.kind: each for each in sums if each.currency == currency}
        now = {kind: own[kind].now if kind in own else 0 for kind in CLASSES}
        found[currency] = Growth(sum(each.before for each in own.values()), now)
    return found


def _people(people: Sequence[Comers]) -> dict[Class, int]:
    return dict.fromkeys(CLASSES, 0) | {each.kind: each.people for each in people}


def _currency(sums: Sequence[Paid], wanted: str | None) -> str | None:
    """The one that is wanted, else the one with the most money lines of all: as the summary picks by orders."""
    numbers: dict[str, int] = {}
    for each in sums:
        numbers[each.currency] = numbers.get(each.currency, 0) + each.orders
    return main_currency([Totals(code, number, 0, 0, 0, None, None) for code, number in numbers.items()], wanted)
