"""Local days: where they begin in UTC, and dates some months on; also where clocks change at midnight."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
# No clock was ever moved further at once (Samoa and Kwajalein left out a whole day).
_FURTHEST = timedelta(hours=26)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The local day on which the moment `at` falls."""
    # A moment that is not in UTC may be equal to another, of the hour that comes twice.
    return _day_of(at, zone) if at.tzinfo is UTC else _local_day(at, zone)


def _local_day(at: datetime, zone: ZoneInfo) -> date:
    try:
        return at.astimezone(zone).date()
    except OverflowError:
        # Within a day of the first or the last year there is no local time.
        return at.astimezone(UTC).date()


# What happens to somebody is asked for its day again and again, and soon.
_day_of = lru_cache(maxsize=16_384)(_local_day)


def period_begin(day: date, per: str) -> date:
    """The first day of the local day, week (from Monday), month or year in which a day lies."""
    match per:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, from which the local date is `day` or later for good.

    Where a day was left out, or begins at one o'clock, that is when the clock jumped.
    """
    try:
        first = datetime.combine(day, time(), zone).astimezone(UTC)
        again = datetime.combine(day, time(fold=1), zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time(), UTC)
    if again > first and local_day(again - timedelta(microseconds=1), zone) < day:
        # The clock went back over midnight: the day before came again.
        return again
    return first if _is_midnight(first, zone) else _jump(day, first, zone)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which the local day `day` is over: what is good for that day is good until before it."""
    return day_start(min(day, date.max - DAY) + DAY, zone)


def _is_midnight(at: datetime, zone: ZoneInfo) -> bool:
    return at.astimezone(zone).time() == time()


def _jump(day: date, near: datetime, zone: ZoneInfo) -> datetime:
    """When the clock jumped over the midnight that begins `day`; to the second, as zones are written."""
    before, after = near - _FURTHEST, near + _FURTHEST
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if local_day(middle, zone) < day:
            before = middle
        else:
            after = middle
    return after


def month_end(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, monthrange(year, month)[1])


def add_months(day: date, months: int) -> date:
    """The same day some months on; the last of the month where it is shorter: 31 January and a month is 28 February.

    Stays at the last day there is.
    """
    years, month = divmod(day.month - 1 + months, 12)
    if day.year + years > date.max.year:
        return date.max
    end = month_end(day.year + years, month + 1)
    return end.replace(day=min(day.day, end.day))


def add_days(day: date, days: int) -> date:
    """The day some days on; stays at the last day there is."""
    return day + timedelta(days=min(days, (date.max - day).days))


def in_year(year: int, month: int, day: int) -> date:
    """A day of the year; 29 February is the 28th where there is none."""
    return date(year, month, min(day, monthrange(year, month)[1]))
