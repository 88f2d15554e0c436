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

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

from services.metrics.domain.calendar import PERIODS, Period, period_start, to_date
from services.metrics.domain.lifeline import Days

Tally = tuple[str, int, int]

# So many cohorts are shown, and so many periods of each: three months of days, three years of weeks, ten of months.
MOST_COHORTS: Mapping[Period, int] = {"day": 92, "week": 156, "month": 120}
# From the first order to the second, … the fifth to the sixth.
MAX_NTH = 5
_THREE_DIGITS = 1_000
_MOST = 2**63 - 1


# Of one person: the currency, the day of the last purchase, the number of orders, and what they brought in minor units.
# None: in several currencies, which are never added.
Standing = tuple[str, int, int, int | None]
# A currency, the day of the last purchase, and the number of orders.
Crowd = tuple[str, int, int]
# A currency, and what somebody brought, rounded up to three significant digits.
Worth = tuple[str, int]


def _counts() -> defaultdict[Any, int]:
    return defaultdict(int)


@dataclass(frozen=True, slots=True)
class Tallies:
    """What to add: to tallies, customers and money per crowd, customers per worth.

    Who buys again is counted by the days alone that make the same of all of them, until it is settled.
    """

    lives: defaultdict[Tally, int] = field(default_factory=_counts)
    crowds: defaultdict[Crowd, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    worths: defaultdict[Worth, int] = field(default_factory=_counts)
    # By the first day, the last and the new one; by the orders until then, the last day, the new one and its orders.
    grown: defaultdict[tuple[int, int, int], int] = field(default_factory=_counts)
    waited: defaultdict[tuple[int, int, int, int], int] = field(default_factory=_counts)

    def replace(self, before: Days, after: Days) -> None:
        """Count the days of `after` instead of `before`."""
        if before and len(after) == len(before) + 1:
            last, day = max(before), max(after)
            if day > last and before.items() <= after.items():
                self.grow(before, sum(before.values()), last, day, after[day])
                return
        for tally in tallies(before):
            self.lives[tally] -= 1
        for tally in tallies(after):
            self.lives[tally] += 1

    def grow(self, days: Collection[int], known: int, last: int, day: int, orders: int) -> None:
        """Somebody who ordered `known` times on these days, on the `last` of them last, does so on a later day."""
        first = min(days)
        self.grown[first, last, day] += 1
        if known <= MAX_NTH:
            self.waited[known, last, day, orders] += 1
        for period in _followed(last, day):
            cohort, here = place(period, first), place(period, last)
            later = here + 1 - cohort
            # Whoever missed none was there at least once in each.
            if later <= len(days) and later < MOST_COHORTS[period] and _places(period, days) == later:
                self.lives[_EVERY[period], cohort, later] += 1

    def settle(self) -> None:
        """Count those who bought again; before the tallies are read."""
        for (first, last, day), people in self.grown.items():
            for tally, sign in _came_back(first, last, day):
                self.lives[tally] += sign * people
        for wait, people in self.waited.items():
            for tally, sign in _more_waits(*wait):
                self.lives[tally] += sign * people
        self.grown.clear()
        self.waited.clear()

    def count(self, standing: Standing, sign: int) -> None:
        """Count somebody where they stand, or with −1 no more."""
        currency, last, orders, net = standing
        sums = self.crowds[currency, last, orders]
        sums[0] += sign
        if net is not None:
            sums[1] += sign * net
            self.worths[currency, ceiling(net)] += sign


def ceiling(minor: int) -> int:
    """An amount rounded up to three significant digits; what is beyond 64 bits counts as the largest there is."""
    if minor <= _THREE_DIGITS:
        return minor
    step: int = _STEPS[bisect_right(_STEPS, minor // _THREE_DIGITS)]
    return min(-(-minor // step) * step, _MOST)


# What numbers are rounded to: 10 from a thousand on, 100 from ten thousand on, …; enough for sums beyond 64 bits.
_STEPS = tuple(10**digits for digits in range(120))


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


def _places(period: Period, days: Iterable[int]) -> int:
    return len({place(period, each) for each in days})


@lru_cache(maxsize=16_384)
def _followed(last: int, day: int) -> Sequence[Period]:
    """In which periods a day comes right after that of the last."""
    return tuple(period for period in PERIODS if place(period, day) == place(period, last) + 1)


@lru_cache(maxsize=65_536)
def _came_back(first: int, last: int, day: int) -> Sequence[tuple[Tally, int]]:
    """What changes whoever somebody is by the days alone on which they came, were there last, and come back."""
    found: list[tuple[Tally, int]] = [(("buyers", 0, day), 1), (("silence", 0, day - last), 1)]
    for period in PERIODS:
        cohort, here, there = place(period, first), place(period, last), place(period, day)
        later = there - cohort
        if here != there and later < MOST_COHORTS[period]:
            found += [
                ((_ON[period], cohort, later), 1),
                ((_LAST[period], cohort, here - cohort), -1),
                ((_LAST[period], cohort, later), 1),
            ]
    return found


def _more_waits(known: int, last: int, day: int, orders: int) -> Iterable[tuple[Tally, int]]:
    """What changes when orders come on a day after the last, to somebody who has so many already."""
    if known > 1:
        yield ("waiting", known, last), -1
    yield ("waited", known, day - last), 1
    for nth in range(known + 1, min(known + orders, MAX_NTH + 1)):
        yield ("waited", nth, 0), 1
    if known == 1:
        yield ("second", 0, day), 1
    if known + orders <= MAX_NTH:
        yield ("waiting", known + orders, day), 1
