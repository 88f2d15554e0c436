"""Recurring revenue day by day, in one currency or brought into one, and what moved it.

Of one currency all is whole minor units. Brought into another, each day's movements are worth what the rate of that
day says, and what a new rate makes of what was there already is told apart, as `fx`: never growth, never shrinkage.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from services.metrics.subscriptions.domain.exchange import Exchange
from services.metrics.subscriptions.domain.lives import MOVEMENTS, PEOPLE, Movement

Amount = Fraction | int
_LOST: tuple[Movement, ...] = ("contraction", "churn")
_GAINED: tuple[Movement, ...] = ("expansion", "reactivation")


class DaySum(NamedTuple):
    """What a kind of movement came to on a day: how many people, and minor units (negative where they went)."""

    day: int
    kind: str
    cause: str
    currency: str
    people: int
    minor: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What took recurring revenue from one day's end to another's, in whole minor units that add up."""

    start: int
    movements: Mapping[Movement, int]
    fx: int
    end: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Recurring revenue from the end of `first` − 1 on: what it was then, and what moved it on each day."""

    currency: str
    first: int
    start: Amount
    days: Mapping[int, Mapping[Movement, Amount]]
    fx: Mapping[int, Amount]

    def balance(self, day: int) -> Amount:
        """Recurring revenue at the end of a day, not before `first` − 1."""
        moved = sum(sum(each.values()) for on, each in self.days.items() if on <= day)
        return self.start + moved + sum(each for on, each in self.fx.items() if on <= day)

    def moved(self, first: int, last: int) -> dict[Movement, Amount]:
        """Each movement within days."""
        found: dict[Movement, Amount] = dict.fromkeys(MOVEMENTS, 0)
        for day, each in self.days.items():
            if first <= day <= last:
                for kind, amount in each.items():
                    found[kind] += amount
        return found

    def waterfall(self, first: int, last: int) -> Waterfall:
        """From the end of the day before `first` to that of `last`. What rounding leaves, the row of rates takes."""
        movements = {kind: round(amount) for kind, amount in self.moved(first, last).items()}
        start, end = round(self.balance(first - 1)), round(self.balance(last))
        return Waterfall(start, movements, end - start - sum(movements.values()), end)

    def lost(self, first: int, last: int) -> Amount:
        """What went: churn and contraction, above zero."""
        moved = self.moved(first, last)
        return -sum(moved[kind] for kind in _LOST)

    def gained(self, first: int, last: int) -> Amount:
        """What those who were there brought more, and who came back."""
        moved = self.moved(first, last)
        return sum(moved[kind] for kind in _GAINED)

    def parts(self, periods: Sequence[tuple[int, int]]) -> "list[Stream]":
        """The same cut into periods (first day, last day) that follow one another: each begins as the last ended."""
        found: list[Stream] = []
        start = self.balance(periods[0][0] - 1) if periods else 0
        for first, last in periods:
            days = {day: self.days[day] for day in range(first, last + 1) if day in self.days}
            fx = {day: self.fx[day] for day in range(first, last + 1) if day in self.fx}
            found.append(Stream(self.currency, first, start, days, fx))
            start = found[-1].balance(last)
        return found

    def by_day(self, first: int, last: int) -> list[tuple[Amount, Amount, Amount]]:
        """Of each day with a movement: revenue at its start, what went, what those who were there brought more."""
        balance, found = self.balance(first - 1), []
        for day in sorted(each for each in {*self.days, *self.fx} if first <= each <= last):
            moved = self.days.get(day, {})
            # A new rate holds from the morning on.
            balance += self.fx.get(day, 0)
            lost = -sum(moved.get(kind, 0) for kind in _LOST)
            found.append((balance, lost, sum(moved.get(kind, 0) for kind in _GAINED)))
            balance += sum(moved.values())
        return found


def stream_of(rows: Iterable[DaySum], currency: str, first: int) -> Stream:
    """The stream of one currency; rows of days before `first` are what it begins with."""
    days: defaultdict[int, dict[Movement, int]] = defaultdict(dict)
    start = 0
    for day, kind, _, of, _, minor in rows:
        if of == currency and kind in MOVEMENTS:
            if day < first:
                start += minor
            else:
                moved = days[day]
                moved[kind] = moved.get(kind, 0) + minor
    return Stream(currency, first, start, days, {})


def streams_of(rows: Iterable[DaySum], first: int) -> list[Stream]:
    """The stream of each currency in which there ever was a movement, by its code."""
    own: defaultdict[str, list[DaySum]] = defaultdict(list)
    for row in rows:
        own[row.currency].append(row)
    return [stream_of(own[code], code, first) for code in sorted(own.keys() - {PEOPLE})]


def brought_together(streams: Sequence[Stream], exchange: Exchange, last: int) -> Stream:
    """All of them in the one currency of `exchange`, up to the end of `last`. They begin on the same day.

    Raises:
        NoRate: of something there is no rate on some day on which it is needed.
    """
    first = min((each.first for each in streams), default=last)
    days: defaultdict[int, dict[Movement, Amount]] = defaultdict(dict)
    fx: dict[int, Amount] = {}
    start: Amount = 0
    for each in streams:
        code = each.currency
        if each.start:
            start += each.start * exchange.factor(code, first - 1)
        for day, moved in each.days.items():
            if day <= last and any(moved.values()):
                factor = exchange.factor(code, day)
                for kind, minor in moved.items():
                    days[day][kind] = days[day].get(kind, 0) + minor * factor
        for day in exchange.changes(code, first, last):
            if held := each.balance(day - 1):
                moved_by = exchange.factor(code, day) - exchange.factor(code, day - 1)
                fx[day] = fx.get(day, 0) + held * moved_by
    return Stream(exchange.into, first, start, days, fx)
