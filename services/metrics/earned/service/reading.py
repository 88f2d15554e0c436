"""Earned growth as it is shown: exact money of two periods, and what of it came back or was brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_number
from services.metrics.domain.totals import Totals, main_currency
from services.metrics.earned.domain.growth import CLASSES, Class, Growth
from services.metrics.earned.domain.report import GrowthReport, Period
from services.metrics.earned.repository import Comers, Paid
from services.metrics.earned.service import counting
from services.metrics.errors import BadRange
from services.metrics.figures import repository as figures
from services.metrics.freshness.service import Freshness
from services.metrics.retention.service.scanning import Counted, Locks, Scans
from shared.clock import Clock
from shared.db.engine import Database

MAX_DAYS = 1_100


@dataclass(frozen=True, slots=True)
class EarnedGrowth:
    """Reads earned growth; `currency` is the firm's.

    Every order of the two periods is looked at, and the first order of whoever bought in the second alone: some ten
    microseconds of CPU each. So of a large firm what was counted is kept, counted anew in the background while it is
    asked for, and says how old it is.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    freshness: Freshness
    locks: Locks

    async def growth(
        self,
        first: date,
        last: date,
        *,
        before_first: date | None = None,
        currency: str | None = None,
        is_patient: bool = False,
    ) -> GrowthReport:
        """Growth of the days from `first` to `last` over as many days before: those that begin on `before_first`, or
        the last ones before `first`. Up to today, of a large firm, it is there soon after the first who asks; who is
        patient waits for it.

        Raises:
            BadRange: the days make no range, are too many, or the two periods overlap.
        """
        now = Period(first, last)
        if first > last:
            raise BadRange(f"from ({first}) is after to ({last}).")
        if now.days > MAX_DAYS:
            raise BadRange(f"The range has more than {MAX_DAYS} days.")
        before = _before(now, before_first)
        found = await self._counted(now, before, is_patient=is_patient)
        sums, people = ([], []) if found is None else counting.counted(found.document)
        return GrowthReport(
            now=now,
            before=before,
            as_of=self.clock.now(),
            time_zone=self.zone.key,
            staleness_seconds=None if found is None else found.staleness_seconds,
            currency=_currency(sums, currency or self.currency),
            growths=_growths(sums),
            people=_people(people),
            is_being_counted=found is None,
        )

    async def by_segment(self, days: int, day: int) -> dict[str, dict[str, Growth]]:
        """By segment (those in it now) and currency: growth of so many days up to a day, over as many before.

        Every order of both periods is looked at, so it is for the clock alone.
        """
        async with self.db.read() as tx:
            found = await counting.by_segment(tx, counting.Periods(days, days), self.zone, day)
        return {segment: _growths(sums) for segment, sums in found.items()}

    async def _counted(self, now: Period, before: Period, *, is_patient: bool) -> Counted | None:
        day = day_number(now.last)
        async with self.db.read() as tx:
            rows = [
                row
                for period in (before, now)
                for row in await figures.money_by_day(tx, day_number(period.first), day_number(period.last))
            ]
        subject = counting.subject(counting.Periods.of(now, before), self.zone)
        scans = Scans(self.db, self.clock, self.zone, self.freshness, self.locks)
        return await scans.offered(subject, day, 0 if is_patient else sum(row[2] for row in rows))


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
