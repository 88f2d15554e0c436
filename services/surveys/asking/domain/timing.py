"""Local times and instants: when something is due, and when nobody may be disturbed.

A zone's clocks skip an hour once a year and show another twice, so everything here begins with a local time and ends
with an instant (UTC), never by adding 24 hours.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.clock import time_zones

_SECOND = timedelta(seconds=1)
# Within these the next end of quiet hours lies, and at most one change of clocks.
_HORIZON = timedelta(days=2)


class Delay(NamedTuple):
    """How long after a fact: so many seconds, or at a local time so many days later."""

    seconds: int = 0
    days: int | None = None
    at: time | None = None


class Quiet(NamedTuple):
    """Nobody is disturbed from `start` until `end`, local time of day; over midnight where `start` is later."""

    start: time
    end: time

    def covers(self, clock: time) -> bool:
        """Whether a local time of day lies in it; its end does not."""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


def zone_of(said: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone somebody said; where they said none that there is, another."""
    return ZoneInfo(said) if said is not None and said in time_zones() else otherwise


def first_at(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """The first instant of a local day at which the clocks show a time of day, or have just skipped it."""
    local = datetime.combine(day, clock)
    found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local:
        return found
    # In a gap the two readings lie on both sides of the change.
    return _change(zone, local.replace(tzinfo=zone, fold=1).astimezone(UTC), found)


def due(delay: Delay, happened: datetime, zone: ZoneInfo) -> datetime:
    """When something is due after a fact; never before the fact itself."""
    if delay.days is None:
        return happened + timedelta(seconds=delay.seconds)
    day = happened.astimezone(zone).date() + timedelta(days=delay.days)
    return max(happened, first_at(zone, day, delay.at or time(0)))


def is_quiet(at: datetime, quiet: Quiet | None, zone: ZoneInfo) -> bool:
    """Whether it is quiet hours in a zone at an instant, by what its clocks show."""
    return quiet is not None and quiet.covers(at.astimezone(zone).time())


def next_open(at: datetime, quiet: Quiet | None, zone: ZoneInfo) -> datetime:
    """The first instant from `at` on that is not in quiet hours."""
    if quiet is None or not is_quiet(at, quiet, zone):
        return at
    ends = _ends(at, quiet, zone)
    return min(each for each in ends if each > at and not is_quiet(each, quiet, zone))


def _ends(at: datetime, quiet: Quiet, zone: ZoneInfo) -> Iterator[datetime]:
    """Instants behind `at` at which quiet hours may end: their end by the clock, and a change of clocks."""
    today = at.astimezone(zone).date()
    for offset in range(3):
        day = today + timedelta(days=offset)
        yield first_at(zone, day, quiet.end)
        yield datetime.combine(day, quiet.end, tzinfo=zone).replace(fold=1).astimezone(UTC)
    later = at + _HORIZON
    if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
        yield _change(zone, at, later)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between two at which the clocks were changed: the first with the offset of `after`."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
