"""Why a figure changed: contributions that sum to the change exactly, in rational numbers.

Three ways, each exact whatever the figures:

* `shapley`: the figure is any function of a few factors. Each factor's contribution is its mean effect over all orders
  in which the factors may change, so that none is favoured by being changed first (Shapley 1953). For two factors it is
  the textbook midpoint rule. Nothing is left over, where logarithmic means (LMDI) would meet the logarithm of zero.
* `mix_and_rate`: the figure is a mean over the parts of a whole. A part contributes through its rate, and through its
  weight, measured against the mean, so that a part that grows contributes only as far as it is not like the others.
* `in_minor`: contributions of money in whole minor units that still sum to the whole: largest remainders get the rest.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import combinations
from math import factorial, floor
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", bound=str)
Factors = Mapping[str, Fraction]

# 2ⁿ evaluations: a figure of more factors than this is not explained to anybody.
MAX_FACTORS = 6


def shapley(figure: Callable[[Factors], Fraction], before: Factors, after: Factors) -> dict[str, Fraction]:
    """What each factor contributes to `figure(after) − figure(before)`; they sum to it exactly.

    Raises:
        ValueError: the factors differ, or are too many.
        ZeroDivisionError: the figure does not exist for a mixture of both.
    """
    names = sorted(before)
    if names != sorted(after) or len(names) > MAX_FACTORS:
        raise ValueError("both need the same few factors")
    values = {
        changed: figure({name: (after if name in changed else before)[name] for name in names})
        for size in range(len(names) + 1)
        for changed in map(frozenset, combinations(names, size))
    }
    return {name: _mean_effect(name, names, values) for name in names}


def _mean_effect(name: str, names: list[str], values: Mapping[frozenset[str], Fraction]) -> Fraction:
    others = [each for each in names if each != name]
    total = Fraction(0)
    for size in range(len(names)):
        weight = Fraction(factorial(size) * factorial(len(others) - size), factorial(len(names)))
        for changed in map(frozenset, combinations(others, size)):
            total += weight * (values[changed | {name}] - values[changed])
    return total


class Part(NamedTuple):
    """A part of a whole: what it weighs, and its sum; its rate is the one over the other."""

    weight: Fraction
    total: Fraction


class Effect(NamedTuple):
    """What a part contributes to a change: through its share of the whole, and through its own rate."""

    mix: Fraction
    rate: Fraction

    @property
    def both(self) -> Fraction:
        """All that it contributes."""
        return self.mix + self.rate


NO_PART = Part(Fraction(0), Fraction(0))


def mix_and_rate(before: Mapping[Key, Part], after: Mapping[Key, Part]) -> dict[Key, Effect]:
    """What each part contributes to the change of the mean; together they are it, exactly.

    A part that is there at one time alone has no rate at the other: it is taken to have had the same, so that all it
    contributes is that it came or went.

    Raises:
        ZeroDivisionError: one of the wholes weighs nothing, and has no mean.
    """
    whole = [sum((part.weight for part in parts.values()), Fraction(0)) for parts in (before, after)]
    sums = [sum((part.total for part in parts.values()), Fraction(0)) for parts in (before, after)]
    middle = (sums[0] / whole[0] + sums[1] / whole[1]) / 2
    found: dict[Key, Effect] = {}
    for key in sorted({*before, *after}):
        old, new = before.get(key, NO_PART), after.get(key, NO_PART)
        if not old.weight and not new.weight:
            continue
        share_old, share_new = old.weight / whole[0], new.weight / whole[1]
        rate_new = new.total / new.weight if new.weight else old.total / old.weight
        rate_old = old.total / old.weight if old.weight else rate_new
        found[key] = Effect(
            (share_new - share_old) * ((rate_old + rate_new) / 2 - middle),
            (rate_new - rate_old) * (share_old + share_new) / 2,
        )
    return found


def in_minor(parts: Mapping[Key, Fraction]) -> dict[Key, int]:
    """The parts in whole units, of the same sum.

    Each is rounded down, and what is missing goes to those that lost most; of equal ones to the first by name.

    Raises:
        ValueError: the sum is no whole number.
    """
    total = sum(parts.values(), Fraction(0))
    if total.denominator != 1:
        raise ValueError("whole units cannot sum to a fraction")
    found = {key: floor(value) for key, value in parts.items()}
    missing = int(total) - sum(found.values())
    by_loss = sorted(parts, key=lambda key: (found[key] - parts[key], key))
    for key in by_loss[:missing]:
        found[key] += 1
    return found
