"""Days and periods of the firm's calendar, as whole numbers of days since 1970-01-01.

A day is a local day of the firm's time zone; weeks start on Monday (ISO 8601); a period is named by its first day.
"""

from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")

_EPOCH = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """The number of a calendar day."""
    return day.toordinal() - _EPOCH


def to_date(day: int) -> date:
    """The calendar day of a number; the inverse of `day_number`."""
    return date.fromordinal(day + _EPOCH)


def day_of(at: datetime, zone: tzinfo) -> int:
    """The local day on which the moment `at` falls."""
    try:
        return at.astimezone(zone).toordinal() - _EPOCH
    except OverflowError:
        # Within a day of the first or the last year there is no local time.
        return at.astimezone(UTC).toordinal() - _EPOCH


def period_start(period: Period, day: int) -> int:
    """The first day of the period that `day` lies in."""
    if period == "day":
        return day
    # 1970-01-01 was a Thursday.
    return day - (day + 3) % 7 if period == "week" else _month_start(day)


def period_after(period: Period, start: int) -> int:
    """The first day of the next period."""
    if period == "day":
        return start + 1
    # No month is longer than 31 days, none shorter than 28.
    return start + 7 if period == "week" else _month_start(start + 31)


def period_before(period: Period, start: int) -> int:
    """The first day of the period before."""
    return period_start(period, start - 1)


class PeriodDays(NamedTuple):
    """A period: its first day, the first day of the one before, and the first day of the next."""

    period: Period
    start: int
    before: int
    end: int


def period_of(period: Period, day: int) -> PeriodDays:
    """The period that `day` lies in."""
    start = period_start(period, day)
    return PeriodDays(period, start, period_before(period, start), period_after(period, start))


def periods_between(period: Period, first: int, last: int, *, most: int) -> list[PeriodDays] | None:
    """The periods from that of `first` to that of `last`; None if they are more than `most`."""
    found = [period_of(period, first)]
    while found[-1].end <= last:
        if len(found) == most:
            return None
        found.append(period_of(period, found[-1].end))
    return found


def last_periods(period: Period, day: int, count: int) -> list[PeriodDays]:
    """So many periods up to that of `day`, the earliest first."""
    found = [period_of(period, day)]
    while len(found) < count:
        found.append(period_of(period, found[-1].before))
    return found[::-1]


@lru_cache(maxsize=65_536)
def _month_start(day: int) -> int:
    return day - to_date(day).day + 1
