"""A person's life as a customer, cut into cells that can be added and subtracted.

The days on which a person bought form a chain: never → first → … → last → not yet. Each neighbouring pair is a cell
`(kind, day, next_day)`; how many people have each cell is all that the totals need, and it stays exact when a purchase
is taken back or two people turn out to be one, because cells of the old chain are subtracted and those of the new one
added. Chains of weeks and of months are kept the same way, and `repeat` cells hold the days of the first and of the
second purchase (which may be the same day).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from services.metrics.domain.calendar import PERIODS, Period, period_start

# Outside of every calendar: the ends of each chain.
NEVER = -(2**31)
NOT_YET = 2**31 - 1

Kind = Literal["day", "week", "month", "repeat"]
Cell = tuple[Kind, int, int]
# Purchases per day.
Days = Mapping[int, int]


def cells(days: Days) -> Sequence[Cell]:
    """The cells of one person; none for a person without purchases."""
    if len(days) < 2:
        return next((_cells_of_one_day(day, is_repeated=number > 1) for day, number in days.items()), ())
    active = sorted(days)
    first = active[0]
    second = first if days[first] > 1 else active[1]
    found: list[Cell] = [("repeat", first, second)]
    found += _chain("day", active)
    found += _chain("week", _periods("week", active))
    found += _chain("month", _periods("month", active))
    return found


@lru_cache(maxsize=16_384)
def growth(last: int, new: int) -> Sequence[tuple[Cell, int]]:
    """What changes in the chains of somebody who bought last on one day, and now on a later one for the first time."""
    found: dict[Cell, int] = {}
    for kind in PERIODS:
        here, there = period_start(kind, last), period_start(kind, new)
        if here != there:
            found |= {(kind, here, NOT_YET): -1, (kind, here, there): 1, (kind, there, NOT_YET): 1}
    return list(found.items())


@lru_cache(maxsize=4_096)
def _cells_of_one_day(day: int, *, is_repeated: bool) -> Sequence[Cell]:
    # Most customers of most shops have one: worth remembering.
    return [
        ("repeat", day, day if is_repeated else NOT_YET),
        *_chain("day", (day,)),
        *_chain("week", _periods("week", (day,))),
        *_chain("month", _periods("month", (day,))),
    ]


def _periods(period: Period, active: Iterable[int]) -> Iterable[int]:
    return dict.fromkeys([period_start(period, day) for day in active])


def _chain(kind: Kind, starts: Iterable[int]) -> list[Cell]:
    found: list[Cell] = []
    here = NEVER
    for there in starts:
        found.append((kind, here, there))
        here = there
    found.append((kind, here, NOT_YET))
    return found
