"""Rates of exchange that a firm enters itself, and what they make of amounts: exactly, as fractions."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from shared.money import EXPONENTS


class Rate(NamedTuple):
    """From `day` on, one of `currency` is `rate` of `into`, both in major units."""

    currency: str
    into: str
    day: int
    rate: Decimal


class NoRate(Exception):
    """No rate of a currency is known for a day."""

    def __init__(self, currency: str, day: int) -> None:
        super().__init__(f"no rate of {currency} is known for day {day}")
        self.currency = currency
        self.day = day


class Exchange:
    """Brings amounts of any currency into one, at the rate that holds on a day."""

    def __init__(self, rates: Iterable[Rate], into: str) -> None:
        self.into = into
        self._days: defaultdict[str, list[int]] = defaultdict(list)
        self._factors: defaultdict[str, list[Fraction]] = defaultdict(list)
        for each in sorted(rates, key=lambda rate: rate.day):
            if each.into == into:
                # Minor units of the one into minor units of the other.
                factor = Fraction(each.rate) * Fraction(10) ** (EXPONENTS[into] - EXPONENTS[each.currency])
                self._days[each.currency].append(each.day)
                self._factors[each.currency].append(factor)

    def factor(self, currency: str, day: int) -> Fraction:
        """What a minor unit is worth on a day, in minor units of `into`.

        Raises:
            NoRate: nobody said.
        """
        if currency == self.into:
            return Fraction(1)
        place = bisect_right(self._days[currency], day)
        if not place:
            raise NoRate(currency, day)
        return self._factors[currency][place - 1]

    def changes(self, currency: str, first: int, last: int) -> list[int]:
        """The days from `first` to `last` on which another rate begins to hold."""
        return [day for day in self._days[currency] if first <= day <= last]

    def worth(self, money: Mapping[str, int], day: int) -> Fraction:
        """Amounts of several currencies together, on a day.

        Raises:
            NoRate: one of them, not nothing, has no rate.
        """
        return sum((minor * self.factor(code, day) for code, minor in sorted(money.items()) if minor), Fraction(0))
