"""Exact arithmetic of points: ratios of whole numbers, rounded once, and shares that add up to the whole."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from services.loyalty.earning.domain.rule import Rounding


class Ratio(NamedTuple):
    """`over` / `under`, never reduced: faster than a Fraction, and as exact. `under` is positive."""

    over: int
    under: int = 1

    def times(self, over: int, under: int) -> "Ratio":
        """This much of it."""
        return Ratio(self.over * over, self.under * under)


NONE = Ratio(0)
ONE = Ratio(1)


# Rules say few numbers, and each is asked for with every order.
@lru_cache(maxsize=1_024)
def ratio_of(number: Decimal) -> Ratio:
    """The same number, exactly."""
    return Ratio(*number.as_integer_ratio())


def rounded(ratio: Ratio, mode: Rounding) -> int:
    """The whole number of a ratio that is not negative."""
    whole, rest = divmod(ratio.over, ratio.under)
    if rest == 0 or mode == "floor":
        return whole
    if mode == "ceil":
        return whole + 1
    twice = 2 * rest - ratio.under
    if twice == 0:
        return whole + (1 if mode == "half_up" else whole % 2)
    return whole + (twice > 0)


def shares(whole: int, weights: Sequence[int]) -> list[int]:
    """`whole` in whole parts as the weights are, by largest remainder; the first of equals gets what is over."""
    total = sum(weights)
    if total <= 0:
        return [0] * len(weights)
    parts = [whole * weight // total for weight in weights]
    over = whole - sum(parts)
    by_rest = sorted(range(len(weights)), key=lambda place: (-(whole * weights[place] % total), place))
    for place in by_rest[:over]:
        parts[place] += 1
    return parts
