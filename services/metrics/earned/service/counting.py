"""What was paid in two periods, as it is counted and kept: every order of both is looked at."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import to_date
from services.metrics.domain.orders import accounts
from services.metrics.earned import repository
from services.metrics.earned.domain.report import Period
from services.metrics.earned.repository import Comers, Entry, Paid
from services.metrics.gap.service.taking import VOICES_GROUP
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.retention.service.scanning import Subject
from shared.db.engine import ReadTx
from shared.events.orders import Order

NAME = "growth"
_HEARD = (ORDERS_GROUP, IDENTITY_GROUP, VOICES_GROUP)


class Periods(NamedTuple):
    """So many days up to a day, and as many before them; `apart` days lie between their beginnings."""

    days: int
    apart: int

    @classmethod
    def of(cls, now: Period, before: Period) -> "Periods":
        """How two periods, of as many days each, lie to each other."""
        return cls(now.days, (now.first - before.first).days)

    def ending(self, day: int) -> tuple[Period, Period]:
        """Those of which the later ends on a day: it, and the one before."""
        last = to_date(day)
        first = last - timedelta(days=self.days - 1)
        back = timedelta(days=self.apart)
        return Period(first, last), Period(first - back, last - back)


def subject(periods: Periods, zone: ZoneInfo) -> Subject:
    """What was paid in these periods, by the day the later one ends on."""
    return Subject(f"{NAME}.{periods.days}.{periods.apart}", _HEARD, partial(_count, periods, zone))


def subject_named(name: str, zone: ZoneInfo) -> Subject:
    """The subject of a name; the inverse of what `subject` calls it."""
    _, days, apart = name.split(".")
    return subject(Periods(int(days), int(apart)), zone)


def counted(document: Any) -> tuple[list[Paid], list[Comers]]:
    """As it was counted."""
    sums = [Paid(kind, currency, int(before), int(now), orders) for kind, currency, before, now, orders in document[0]]
    return sums, [Comers(*row) for row in document[1]]


async def by_segment(tx: ReadTx, periods: Periods, zone: ZoneInfo, day: int) -> dict[str, list[Paid]]:
    """What those who are in each segment now paid in these periods, of which the later ends on a day."""
    now, before = periods.ending(day)
    span = before.span(zone)
    refunds = _refunds(await repository.refunded(tx, span.start), before, now, zone)
    return await repository.paid_by_segment(tx, span, now.span(zone), refunds)


async def _count(periods: Periods, zone: ZoneInfo, tx: ReadTx, day: int) -> Sequence[Any]:
    now, before = periods.ending(day)
    span = before.span(zone)
    refunds = _refunds(await repository.refunded(tx, span.start), before, now, zone)
    sums, people = await repository.paid(tx, span, now.span(zone), refunds)
    # Amounts as text: JSON knows no whole number as large as money can be.
    return [
        [(each.kind, each.currency, str(each.before), str(each.now), each.orders) for each in sums],
        [tuple(each) for each in people],
    ]


def _refunds(orders: Iterable[Order], before: Period, now: Period, zone: ZoneInfo) -> list[Entry]:
    """What went back in each period, by the rule of every figure of money."""
    found: list[Entry] = []
    for order in orders:
        if order.placing is None:
            continue
        for entry in accounts(order, zone).entries:
            is_now = now.holds(entry.day)
            if entry.sums.refunds_minor and (is_now or before.holds(entry.day)):
                minor = -entry.sums.refunds_minor
                found.append(Entry(order.placing.customer, entry.currency, is_now, minor))
    return found
