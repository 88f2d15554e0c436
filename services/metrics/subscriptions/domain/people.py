"""Subscribers: how many there are, who came and who left, and the three churn rates that products publish."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum
from typing import NamedTuple

from services.metrics.subscriptions.domain.facts import Cause
from services.metrics.subscriptions.domain.lives import NEVER, PEOPLE
from services.metrics.subscriptions.domain.stream import DaySum

ROLLING_DAYS = 30


class Ended(NamedTuple):
    """People whose time of subscribing ended on a day: when it had begun, and when they came back."""

    started: int
    ended: int
    back: int
    cause: Cause
    people: int


class Rate(NamedTuple):
    """So many of so many; `by_cause` is the first of both by why they left."""

    part: int
    whole: int
    by_cause: Mapping[Cause, int]


class Hazard(NamedTuple):
    """Shares of days, summed; `lost` of those there in the morning, over `days_at_risk` of all mornings."""

    value: float | None
    lost: int
    days_at_risk: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Subscribers from the end of the day before `first` on.

    `rows` are all movements of people, those before `first` too; `ended` who left from `first` on.
    """

    first: int
    rows: Sequence[DaySum]
    ended: Sequence[Ended]

    def there(self, day: int) -> int:
        """Subscribers at the end of a day, not before `first` − 1."""
        return sum(_change(row) for row in self.rows if row.day <= day)

    def came(self, first: int, last: int) -> tuple[int, int]:
        """Who came for the first time, and who came back, within days."""
        found = Counter[str]()
        for row in self.rows:
            if row.currency == PEOPLE and first <= row.day <= last:
                found[row.kind] += row.people
        return found["new"], found["reactivation"]

    def left(self, first: int, last: int) -> Counter[Cause]:
        """Departures within days, by why; who left twice counts twice."""
        found: Counter[Cause] = Counter()
        for each in self.ended:
            if first <= each.ended <= last:
                found[each.cause] += each.people
        return found

    def standard(self, first: int, last: int) -> Rate:
        """Of who was there when `first` began, those who left by the end of `last` and had not come back by then."""
        gone: Counter[Cause] = Counter()
        for each in self.ended:
            if each.started < first <= each.ended <= last < each.back:
                gone[each.cause] += each.people
        return Rate(gone.total(), self.there(first - 1), gone)

    def rolling(self, last: int, days: int = ROLLING_DAYS) -> Rate:
        """All departures of the days up to `last`, of who was there before them or came within them."""
        first = last - days + 1
        gone = self.left(first, last)
        return Rate(gone.total(), self.there(first - 1) + sum(self.came(first, last)), gone)

    def hazard(self, first: int, last: int) -> Hazard:
        """Day by day, of who was there in the morning, the share that left: all of them summed."""
        lost: Counter[int] = Counter()
        for each in self.ended:
            if each.started < each.ended and first <= each.ended <= last:
                lost[each.ended] += each.people
        mornings = self._mornings(first, last)
        shares = [lost[day] / there for day, there in mornings.items() if there]
        return Hazard(fsum(shares) if shares else None, lost.total(), sum(mornings.values()))

    def _mornings(self, first: int, last: int) -> dict[int, int]:
        changes: Counter[int] = Counter()
        for row in self.rows:
            changes[max(row.day + 1, first)] += _change(row)
        days = range(first, last + 1)
        return dict(zip(days, accumulate(changes[day] for day in days), strict=True))

    def unpriced(self, day: int) -> int:
        """Subscriptions at the end of a day whose price nobody said."""
        return sum(row.people for row in self.rows if row.kind == "unpriced" and row.day <= day)

    def trials(self, first: int, last: int) -> tuple[int, int]:
        """Trials that ended within days: how many went on paying, how many did not."""
        found: Counter[str] = Counter()
        for row in self.rows:
            if first <= row.day <= last:
                found[row.kind] += row.people
        return found["trial_won"], found["trial_lost"]


def all_ended(left: Mapping[tuple[int, Cause], int], within: Sequence[Ended], first: int) -> list[Ended]:
    """Everybody who left from `first` on: those given, who came or came back since, and all the others by day.

    The others had come before `first`, and are not back by the last day that is looked at.
    """
    others = Counter(left)
    for each in within:
        others[each.ended, each.cause] -= each.people
    rest = (Ended(first - 1, day, NEVER, cause, people) for (day, cause), people in others.items() if people)
    return [*within, *rest]


def _change(row: DaySum) -> int:
    if row.currency != PEOPLE:
        return 0
    return row.people if row.kind in ("new", "reactivation") else -row.people if row.kind == "churn" else 0


def of_people(rows: Iterable[DaySum]) -> list[DaySum]:
    """The rows that count people, whatever they pay in."""
    return [row for row in rows if row.currency == PEOPLE]
