"""Business time: the hours of a calendar, in a zone whose clocks may jump, without holidays.

An instant is business time if its local wall time lies in the hours of its local day. So where clocks jump forward,
hours are lost that nobody could work, and where they go back, an hour that comes twice counts twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTES_OF_DAY = 1_440
# What nothing is due before: a clock that stands still.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
# Nobody plans further; every calendar has a week with hours, and holidays end.
_HORIZON = timedelta(days=36_525)

# Minutes from local midnight to minutes, the second not included; in order, without overlap.
Hours = tuple[tuple[int, int], ...]
Piece = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Hours per weekday (Monday first), and what holds instead on dates: none on a holiday, some on half a day."""

    zone: ZoneInfo
    week: tuple[Hours, ...]
    days: Mapping[date, Hours]
    _pieces: dict[date, tuple[Piece, ...]] = field(default_factory=dict, compare=False, repr=False)
    _totals: dict[date, timedelta] = field(default_factory=dict, compare=False, repr=False)

    def hours(self, day: date) -> Hours:
        """The hours of a local day."""
        return self.days.get(day, self.week[day.weekday()])

    def pieces(self, day: date) -> tuple[Piece, ...]:
        """The business time of a local day as spans of UTC, in order."""
        if not (hours := self.hours(day)):
            return ()
        known = self._pieces.get(day)
        if known is None:
            known = self._pieces[day] = tuple(_pieces(hours, day, self.zone))
        return known

    def elapsed(self, since: datetime, until: datetime) -> timedelta:
        """The business time between two moments."""
        day, last = _local(since, self.zone), _local(until, self.zone)
        total = self._within(day, since, until) if day <= last else timedelta()
        while (day := day + DAY) < last:
            total += self._whole(day)
        return total + self._within(last, since, until) if day == last else total

    def _within(self, day: date, since: datetime, until: datetime) -> timedelta:
        spans = (min(end, until) - max(start, since) for start, end in self.pieces(day))
        return sum((each for each in spans if each > timedelta()), timedelta())

    def _whole(self, day: date) -> timedelta:
        known = self._totals.get(day)
        if known is None:
            known = self._totals[day] = sum((end - start for start, end in self.pieces(day)), timedelta())
        return known

    def after(self, since: datetime, wait: timedelta) -> datetime:
        """The first moment from `since` on by which `wait` of business time has passed; `since` itself for none."""
        if wait <= timedelta():
            return since
        day = _local(since, self.zone)
        last = min(day, date.max - _HORIZON - DAY) + _HORIZON
        while day <= last:
            for start, end in self.pieces(day):
                begun = max(start, since)
                if end > begun:
                    if end - begun >= wait:
                        return begun + wait
                    wait -= end - begun
            day += DAY
        return NEVER


def _local(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _pieces(hours: Hours, day: date, zone: ZoneInfo) -> Iterator[Piece]:
    """The instants whose wall time on `day` lies in the hours: per span of one offset, what of the hours falls in."""
    midnight = datetime.combine(day, time(), UTC)
    for begin, end, offset in _offsets(zone, day):
        for first, last in hours:
            start = max(begin, midnight + timedelta(minutes=first) - offset)
            stop = min(end, midnight + timedelta(minutes=last) - offset)
            if start < stop:
                yield start, stop


@lru_cache(maxsize=4_096)
def _offsets(zone: ZoneInfo, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """The spans of UTC that hold all of a local day, each with the offset that holds in it."""
    noon = datetime.combine(day, time(12), UTC)
    hours = [noon + timedelta(hours=each) for each in range(-28, 29)]
    changes = [_change(*pair, zone) for pair in pairwise(hours) if _offset(pair[0], zone) != _offset(pair[1], zone)]
    return tuple((start, end, _offset(start, zone)) for start, end in pairwise([hours[0], *changes, hours[-1]]))


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second from which another offset holds."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
