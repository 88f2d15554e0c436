"""What is counted over customers so that no answer looks at them: silences, waits, cohorts, recency and money.

Each tally is `(kind, part, place)`, with how many customers, or days of theirs, it has:

* `buyers`, `second`: by day, who bought on it, and whose second order was on it.
* `silence`: by days, how long it took from a day with a purchase to the next.
* `waited` and `waiting`: of the nth order (`part`), how many days the next took, or since which day it is waited for.
  Who waits for the second is in the cells of `lifeline`.
* `on.`, `last.` and `every.` with a period: of a cohort (`part`), so many periods later, who bought, for whom it was
  the last, and who has missed none. So many periods as are shown, and no more: later ones belong to no cohort that is.

Like all sums of the ledger they are a function of the facts: what a person counted for is taken out, what they count
for now is put in. Nearly all that comes is one purchase more after the last, of which only what changes is computed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from services.metrics.domain.calendar import PERIODS, Period, period_start, to_date
from services.metrics.domain.lifeline import Days

Tally = tuple[str, int, int]

# So many cohorts are shown, and so many periods of each: three months of days, three years of weeks, ten of months.
MOST_COHORTS: Mapping[Period, int] = {"day": 92, "week": 156, "month": 120}
# From the first order to the second, … the fifth to the sixth.
MAX_NTH = 5
_DIGITS = 1_000
_MOST = 2**63 - 1


class Crowd(NamedTuple):
    """Customers of a currency by the day of their last purchase and the number of their orders."""

    currency: str
    last_day: int
    orders: int


class Worth(NamedTuple):
    """Customers of a currency by what they brought, rounded up to three significant digits, in minor units."""

    currency: str
    ceiling_minor: int


class Standing(NamedTuple):
    """One person as recency, frequency and money see them; in several currencies there is no money."""

    crowd: Crowd
    net_minor: int
    worth: Worth | None


@dataclass(frozen=True, slots=True)
class Tallies:
    """What to add: to tallies, customers and money per crowd, customers per worth."""

    lives: defaultdict[Tally, int] = field(default_factory=lambda: defaultdict(int))
    crowds: defaultdict[Crowd, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    worths: defaultdict[Worth, int] = field(default_factory=lambda: defaultdict(int))

    def replace(self, before: Days, after: Days) -> None:
        """Count the days of `after` instead of `before`."""
        lives = self.lives
        if before and after:
            last, day = max(before), max(after)
            if _goes_on(before, last, after, day):
                for tally, number in _one_more(before, last, after, day):
                    lives[tally] += number
                return
        for tally in tallies(before):
            lives[tally] -= 1
        for tally in tallies(after):
            lives[tally] += 1

    def move(self, before: Standing | None, after: Standing | None) -> None:
        """Count somebody where they are now instead of where they were."""
        for sign, standing in ((-1, before), (1, after)):
            if standing is not None:
                sums = self.crowds[standing.crowd]
                sums[0] += sign
                sums[1] += sign * standing.net_minor
                if standing.worth is not None:
                    self.worths[standing.worth] += sign


def ceiling(minor: int) -> int:
    """An amount rounded up to three significant digits; what is beyond 64 bits counts as the largest there is."""
    step = 1
    while minor > step * _DIGITS:
        step *= 10
    return min(-(-minor // step) * step, _MOST)


def tallies(days: Days) -> Sequence[Tally]:
    """All tallies of one person, one as often as it counts; none of a person without purchases."""
    if len(days) < 2:
        return next((_of_one_day(day, min(number, MAX_NTH + 1)) for day, number in days.items()), ())
    active = sorted(days)
    found: list[Tally] = [("buyers", 0, day) for day in active]
    found += [("silence", 0, there - here) for here, there in pairwise(active)]
    found += _waits(_first_orders(active, days))
    for period in PERIODS:
        found += _cohort(period, active)
    return found


@lru_cache(maxsize=4_096)
def _of_one_day(day: int, number: int) -> Sequence[Tally]:
    return (
        ("buyers", 0, day),
        *_waits([day] * number),
        *(tally for period in PERIODS for tally in _cohort(period, (day,))),
    )


def _first_orders(active: Iterable[int], days: Days) -> list[int]:
    """The days of the first orders, as many as are looked at."""
    found: list[int] = []
    for day in active:
        found += [day] * min(days[day], MAX_NTH + 1 - len(found))
        if len(found) > MAX_NTH:
            break
    return found


def _waits(orders: Sequence[int]) -> Iterable[Tally]:
    for nth in range(1, len(orders)):
        yield "waited", nth, orders[nth] - orders[nth - 1]
    if len(orders) > 1:
        yield "second", 0, orders[1]
        if len(orders) <= MAX_NTH:
            yield "waiting", len(orders), orders[-1]


def _cohort(period: Period, active: Iterable[int]) -> Iterable[Tally]:
    places = list(dict.fromkeys([place(period, day) for day in active]))
    first, most, last = places[0], MOST_COHORTS[period], 0
    for number, each in enumerate(places):
        later = each - first
        if later >= most:
            break
        yield _ON[period], first, later
        if later == number:
            yield _EVERY[period], first, later
        last = later
    yield _LAST[period], first, last


_ON = {period: f"on.{period}" for period in PERIODS}
_LAST = {period: f"last.{period}" for period in PERIODS}
_EVERY = {period: f"every.{period}" for period in PERIODS}


@lru_cache(maxsize=65_536)
def place(period: Period, day: int) -> int:
    """The number of the period that a day lies in: neighbours have neighbouring numbers."""
    if period == "day":
        return day
    if period == "week":
        return (day + 3) // 7
    start = to_date(period_start("month", day))
    return start.year * 12 + start.month


def _goes_on(before: Days, last: int, after: Days, day: int) -> bool:
    """Whether nothing has changed but that orders were added, on the last day or on one later day."""
    if day > last:
        return len(after) == len(before) + 1 and before.items() <= after.items()
    return (
        day == last
        and len(after) == len(before)
        and after[last] > before[last]
        and all(after.get(each) == number for each, number in before.items() if each != last)
    )


def _one_more(before: Days, last: int, after: Days, day: int) -> Iterable[tuple[Tally, int]]:
    """What changes when orders come on one day, the last so far or a later one."""
    yield from _more_waits(sum(before.values()), last, day, after[day] - before.get(day, 0))
    if day == last:
        return
    yield ("buyers", 0, day), 1
    yield ("silence", 0, day - last), 1
    first = min(before)
    for period in PERIODS:
        yield from _came_back(period, before, first, last, day)


def _more_waits(old: int, last: int, day: int, added: int) -> Iterable[tuple[Tally, int]]:
    if old > MAX_NTH:
        return
    if old > 1:
        yield ("waiting", old, last), -1
    yield ("waited", old, day - last), 1
    for nth in range(old + 1, min(old + added, MAX_NTH + 1)):
        yield ("waited", nth, 0), 1
    if old == 1:
        yield ("second", 0, day), 1
    if old + added <= MAX_NTH:
        yield ("waiting", old + added, day), 1


def _came_back(period: Period, before: Days, first: int, last: int, day: int) -> Iterable[tuple[Tally, int]]:
    cohort, here, there = place(period, first), place(period, last), place(period, day)
    later = there - cohort
    if here == there or later >= MOST_COHORTS[period]:
        return
    yield (_ON[period], cohort, later), 1
    yield (_LAST[period], cohort, here - cohort), -1
    yield (_LAST[period], cohort, later), 1
    if there == here + 1 and len({place(period, each) for each in before}) == here - cohort + 1:
        yield (_EVERY[period], cohort, later), 1
