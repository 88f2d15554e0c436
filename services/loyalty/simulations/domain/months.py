"""Local months of a period, of which the first and the last may be parts."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.loyalty.programs.domain.calendar import add_months, day_start, local_day


@dataclass(frozen=True, slots=True)
class Months:
    """`starts` are moments in ascending order, the first that of the period; `until` is its end.

    A fact at the moment a month begins belongs to it; points that end at that moment belong to the month before, whose
    last day they counted on.
    """

    names: tuple[date, ...]
    starts: tuple[datetime, ...]
    until: datetime

    @classmethod
    def of(cls, since: datetime, until: datetime, zone: ZoneInfo) -> "Months":
        """Those of a period that is not empty."""
        name = local_day(since, zone).replace(day=1)
        names, starts = [name], [since]
        while (start := day_start(name := add_months(name, 1), zone)) < until:
            names.append(name)
            starts.append(start)
        return cls(tuple(names), tuple(starts), until)

    @property
    def ends(self) -> tuple[datetime, ...]:
        """When each is over."""
        return (*self.starts[1:], self.until)

    def of_fact(self, at: datetime) -> date | None:
        """The month of what happened at a moment; None: before the period."""
        place = bisect_right(self.starts, at)
        return self.names[place - 1] if place else None

    def of_end(self, at: datetime) -> date | None:
        """The month of points that ended at a moment; None: before the period."""
        place = bisect_left(self.starts, at)
        return self.names[place - 1] if place else None
