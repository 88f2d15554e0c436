"""Cohorts: customers by the period of their first purchase, and who of them came back in each period after.

`on` counts who bought in a period, `on_or_after` who bought in it or in any later one, `every` who bought in it and in
each one since the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from services.metrics.domain.calendar import PeriodDays
from shared.intervals import Interval, wilson

Rule = Literal["on", "on_or_after", "every"]
RULES: tuple[Rule, ...] = get_args(Rule)


class Seen(NamedTuple):
    """Of a cohort and a period that many later: who bought in it, for whom it was the last, who never missed one."""

    cohort: int
    later: int
    bought: int
    last: int
    unbroken: int


class Cell(NamedTuple):
    """So many periods after the first: the customers who count; whether the period is over."""

    later: int
    customers: int
    share: float
    interval: Interval
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Cohort:
    """Customers whose first purchase lies in a period, and who of them came back when."""

    period: PeriodDays
    customers: int
    cells: Sequence[Cell]


class Mean(NamedTuple):
    """Over all cohorts whose period is over: who came back, out of whom (so a large cohort weighs more)."""

    later: int
    returned: int
    customers: int
    cohorts: int


def cohorts(periods: Sequence[PeriodDays], seen: Sequence[Seen], rule: Rule, *, as_of: int, today: int) -> list[Cohort]:
    """Each cohort up to the period of `as_of`, which is the last of `periods`."""
    by_cohort: dict[int, dict[int, Seen]] = {}
    for each in seen:
        by_cohort.setdefault(each.cohort, {})[each.later] = each
    found: list[Cohort] = []
    for place, period in enumerate(periods):
        counts = _counts(by_cohort.get(place, {}), len(periods) - place, rule)
        size = counts[0]
        cells = [
            Cell(later, number, number / size, wilson(number, size), _is_over(periods[place + later], as_of, today))
            for later, number in enumerate(counts)
            if size
        ]
        found.append(Cohort(period, size, cells))
    return found


def _is_over(period: PeriodDays, as_of: int, today: int) -> bool:
    # Of a day before today, all is in.
    return period.end <= min(as_of + 1, today)


def _counts(seen: Mapping[int, Seen], periods: int, rule: Rule) -> list[int]:
    if rule == "on":
        return [seen[later].bought if later in seen else 0 for later in range(periods)]
    if rule == "every":
        return [seen[later].unbroken if later in seen else 0 for later in range(periods)]
    counts: list[int] = []
    still = sum(each.last for each in seen.values())
    for later in range(periods):
        counts.append(still)
        still -= seen[later].last if later in seen else 0
    return counts


def means(found: Sequence[Cohort]) -> list[Mean]:
    """The share of each number of periods later, over the cohorts that have it whole."""
    sums: dict[int, tuple[int, int, int]] = {}
    for cohort in found:
        for cell in cohort.cells:
            if cell.is_complete:
                returned, customers, number = sums.get(cell.later, (0, 0, 0))
                sums[cell.later] = (returned + cell.customers, customers + cohort.customers, number + 1)
    return [Mean(later, *sums[later]) for later in sorted(sums)]
