"""Figures about people, from numbers of cells."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from services.metrics.domain.calendar import Period, period_before, period_start
from services.metrics.domain.figure import Figure, Frame
from services.metrics.domain.lifeline import Days


class People(NamedTuple):
    """Customers up to a day, those of them with one purchase, and those active within each window of days."""

    customers: int
    once_only: int
    active: Mapping[int, int]


class Lifecycle(NamedTuple):
    """Customers by what they did in a period."""

    new: int
    returning: int
    resurrecting: int
    dormant: int

    @classmethod
    def of(cls, *, buyers: int = 0, new: int = 0, returning: int = 0, dormant: int = 0) -> "Lifecycle":
        """Of all who bought in the period, those neither new nor returning had been away."""
        return cls(new, returning, buyers - new - returning, dormant)


def window_figures(frame: Frame, people: People, window: int) -> dict[str, Figure]:
    """Who is still there: figures that depend on how long a silence is taken for leaving."""
    lapsed = people.customers - people.active[window]
    return {
        "active_customers": frame.plain("active_customers", people.active[window], window_days=window),
        "lapsed_customers": frame.plain("lapsed_customers", lapsed, window_days=window),
        "lapse_rate": frame.ratio("lapse_rate", lapsed, people.customers, window_days=window),
    }


def people_figures(frame: Frame, people: People) -> dict[str, Figure]:
    """How many customers there are, and who came back."""
    repeaters = people.customers - people.once_only
    return {
        "customers": frame.plain("customers", people.customers),
        "repeat_purchase_rate": frame.ratio("repeat_purchase_rate", repeaters, people.customers),
    }


def lifecycle_figures(frame: Frame, lifecycle: Lifecycle, period: Period) -> dict[str, Figure]:
    """What customers did in a period."""
    return {name: frame.plain(name, number, period=period) for name, number in lifecycle._asdict().items()}


def lapse_state(days: Days, day: int, window: int) -> str:
    """Whether one person is still a customer; `days` reach up to `day`."""
    if not days:
        return "none"
    return "active" if max(days) > day - window else "lapsed"


def lifecycle_state(days: Days, day: int, period: Period) -> str:
    """What one person did in the period of `day`; `days` reach up to it."""
    if not days:
        return "none"
    this = period_start(period, day)
    before = period_before(period, this)
    starts = {period_start(period, each) for each in days}
    if this not in starts:
        return "dormant" if before in starts else "inactive"
    if before in starts:
        return "returning"
    return "new" if starts == {this} else "resurrecting"


def at_each(changes: Iterable[tuple[int, int]], days: Sequence[int]) -> list[int]:
    """The sum of all changes (day, difference) up to each of the ascending `days`."""
    ordered = sorted(changes)
    sums = [0, *accumulate(difference for _, difference in ordered)]
    found: list[int] = []
    position = 0
    for day in days:
        while position < len(ordered) and ordered[position][0] <= day:
            position += 1
        found.append(sums[position])
    return found
