"""Two periods, and what grew between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_number
from services.metrics.earned.domain.growth import Class, Growth


class Span(NamedTuple):
    """A period in moments: its first, and the first after it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """Local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    def span(self, zone: ZoneInfo) -> Span:
        """Its moments."""
        return Span(_midnight(self.first, zone), _midnight(self.last + timedelta(days=1), zone))

    def holds(self, day: int) -> bool:
        """Whether a day, by number, is one of them."""
        return day_number(self.first) <= day <= day_number(self.last)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """Growth from one period to another, by currency; `people` of each class had money in this period, in any.

    `is_being_counted`: it is not known yet.
    """

    now: Period
    before: Period
    as_of: datetime
    time_zone: str
    staleness_seconds: float | None
    currency: str | None
    growths: Mapping[str, Growth]
    people: Mapping[Class, int]
    is_being_counted: bool
