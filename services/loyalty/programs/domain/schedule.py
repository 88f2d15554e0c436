"""When something is open: windows of the week, by the clock on the wall of a zone.

    [{"days": ["fri", "sat"], "hours": {"from": "22:00", "to": "02:00"}}, {"days": ["sun"]}]

A window is open once on each of its days: from the first moment when the clock there shows `from` until the first one
after it when it shows `to`. If `to` is not after `from`, that is on the next day, and the day that counts is the one on
which it opened. A time that the clock jumps over is the moment of the jump; one that it shows twice is the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.loyalty.programs.domain.calendar import DAY, local_day

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# In so many days every window of the week comes at least twice: also one that a jump of the clock left out once.
_HORIZON = 15


class Window(NamedTuple):
    """Some days of the week (Monday is 0), from `start` until before `end`."""

    days: frozenset[int]
    start: time = time()
    end: time = time()


class Schedule(NamedTuple):
    """Open while one of its windows is."""

    windows: tuple[Window, ...]

    def is_open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether it is open at this moment."""
        today = local_day(now, zone)
        return any(opens <= now < closes for opens, closes in self._spans(today - DAY, 3, zone))

    def opens_next(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When it opens next after this moment; None: not within two weeks."""
        today = local_day(now, zone)
        return min((opens for opens, _ in self._spans(today, _HORIZON, zone) if opens > now), default=None)

    def opens_within(self, first: date | None, last: date | None, zone: ZoneInfo) -> bool:
        """Whether it is ever open on the local days from `first` to `last`, both included; None: without end."""
        if first is None:
            first = date(2000, 1, 3) if last is None else last - DAY * _HORIZON
        days = _HORIZON if last is None else min(_HORIZON, (last - first).days + 1)
        return any(True for _ in self._spans(first, days, zone))

    def spans(self, start: datetime, end: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """When it is open from `start` until before `end`."""
        first = local_day(start, zone) - DAY
        days = (local_day(end, zone) - first).days + 1
        found = ((max(opens, start), min(closes, end)) for opens, closes in self._spans(first, days, zone))
        return sorted((opens, closes) for opens, closes in found if opens < closes)

    def _spans(self, first: date, days: int, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Every opening and closing of so many days; those that a jump of the clock leaves out are not among them."""
        for number in range(days):
            day = first + number * DAY
            for window in self.windows:
                if day.weekday() not in window.days:
                    continue
                opens = first_shown(day, window.start, zone)
                closes = first_shown(day if window.end > window.start else day + DAY, window.end, zone)
                if opens < closes:
                    yield opens, closes


def first_shown(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, when the clock of the zone shows that time of that day, or jumps over it."""
    once, again = (datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    return once if once <= again else _jump(again, once, zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When the clock of the zone changed between two moments; to the second, as zones are written."""
    then = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == then:
            after = middle
        else:
            before = middle
    return after


def read(document: Sequence[Mapping[str, Any]]) -> Schedule:
    """The schedule of a document that was checked when it was written; a window without days is for all of them."""
    windows = []
    for each in document:
        hours = each.get("hours") or {"from": "00:00", "to": "00:00"}
        days = frozenset(WEEKDAYS.index(day) for day in each.get("days") or WEEKDAYS)
        windows.append(Window(days, time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"])))
    return Schedule(tuple(windows))
