"""Retention of those who first subscribed in a month: people, and the revenue they bring, month by month."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.metrics.domain.calendar import period_after
from services.metrics.domain.figure import Figure, Frame
from services.metrics.subscriptions.domain.lives import PEOPLE
from services.metrics.subscriptions.domain.policy import Counting


class Change(NamedTuple):
    """What changed, in a month, of everybody who first came in another: people, or minor units of a currency."""

    month: int
    changed: int
    currency: str
    people: int
    minor: int


@dataclass(frozen=True, slots=True)
class Age:
    """A cohort so many months after its own: 0 is the month in which it came. The running month is not complete."""

    months: int
    month: int
    is_complete: bool
    people: Figure
    revenue: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Row:
    """A cohort, by the first day of its month."""

    month: int
    size: Figure
    ages: Sequence[Age]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Cohorts, the oldest first, and all of them together at each age that they have all reached or passed."""

    frame: Frame
    counting: Counting
    rows: Sequence[Row]
    together: Sequence[Figure]


def rows_of(frame: Frame, came: Iterable[Change], changes: Iterable[Change], day: int, ages: int) -> list[Row]:
    """Every cohort, up to a day and to so many months; `came` is what they were, and brought, as they came."""
    moved: defaultdict[int, list[Change]] = defaultdict(list)
    for each in changes:
        moved[each.month].append(each)
    first: defaultdict[int, list[Change]] = defaultdict(list)
    for each in came:
        first[each.month].append(each)
    return [_row(frame, month, found, moved[month], day, ages) for month, found in sorted(first.items())]


def _row(frame: Frame, month: int, came: Sequence[Change], changes: Sequence[Change], day: int, ages: int) -> Row:
    size = sum(each.people for each in came if each.currency == PEOPLE)
    brought = {each.currency: each.minor for each in came if each.currency != PEOPLE}
    people, money = Counter[int](), defaultdict[str, Counter[int]](Counter)
    for each in changes:
        people[each.changed] += each.people if each.currency == PEOPLE else 0
        money[each.currency][each.changed] += each.minor
    found: list[Age] = []
    here, held, start = 0, Counter[str](), month
    while start <= day and len(found) <= ages:
        here += people[start]
        held.update({code: moved[start] for code, moved in money.items()})
        end, age = period_after("month", start), len(found)
        revenue = {
            code: frame.share("revenue_retention", held[code], minor, code, months=age)
            for code, minor in sorted(brought.items())
        }
        stayed = frame.ratio("subscriber_retention", here, size, months=age)
        found.append(Age(age, start, end <= day + 1, stayed, revenue))
        start = end
    return Row(month, frame.plain("subscribers_new", size), found)


def weighted(frame: Frame, rows: Sequence[Row], ages: int) -> list[Figure]:
    """All cohorts together, at each age: sums of those whose month at that age is over."""
    found = []
    for age in range(ages + 1):
        here = size = 0
        for row in rows:
            at = next((each for each in row.ages if each.months == age and each.is_complete), None)
            if at is not None and isinstance(at.people.numerator, int) and isinstance(at.people.denominator, int):
                here, size = here + at.people.numerator, size + at.people.denominator
        found.append(frame.ratio("subscriber_retention", here, size, months=age))
    return found
