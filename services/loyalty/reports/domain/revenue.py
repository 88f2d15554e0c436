"""Revenue that waits for points (IFRS 15.B39–B43): what of a sale is deferred, and when it is recognised.

The price of a sale is shared between the goods and the points by what each is worth alone; points by what one is worth
that is spent, times the share that is expected to be spent, as it was thought in the month of the sale. It is
recognised as points are spent, of those expected to be: by the newest estimate, so that a new one corrects all that
stands in the period in which it was made, and no period before. What ends unspent is expected no more.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple


class Estimate(NamedTuple):
    """From a month on: minor units that a point is worth when it is spent, and the share that is."""

    month: date
    minor_per_point: Decimal
    redemption_rate: Decimal


class Points(NamedTuple):
    """Of points earned with sales: how many stand (what was taken back is off), are spent, and have ended unspent."""

    earned: int
    redeemed: int
    expired: int


class Key(NamedTuple):
    """Points of a wallet, earned with sales in a currency, in a month."""

    wallet: str
    currency: str
    cohort: date


class Standing(NamedTuple):
    """What of a cohort was deferred and recognised since the beginning, in minor units."""

    deferred: int
    recognised: int

    @property
    def liability(self) -> int:
        """What still waits."""
        return self.deferred - self.recognised


class Movement(NamedTuple):
    """A period: `opening` + `new` - `recognised` = `closing`. `new` is below zero where more sales went back."""

    opening: int
    new: int
    recognised: int
    closing: int

    def plus(self, other: "Movement") -> "Movement":
        """Both together."""
        return Movement(*(one + two for one, two in zip(self, other, strict=True)))


NOTHING = Standing(0, 0)


def in_force(estimates: Iterable[Estimate], month: date) -> Estimate | None:
    """The estimate of a month: the last one made for it or for a month before."""
    return max((each for each in estimates if each.month <= month), default=None, key=lambda each: each.month)


def deferred(price_minor: int, points: int, estimate: Estimate) -> Fraction:
    """What of the price of a sale is the points', exactly, in minor units."""
    alone = points * Fraction(estimate.minor_per_point) * Fraction(estimate.redemption_rate)
    return price_minor * alone / (price_minor + alone) if price_minor > 0 and alone > 0 else Fraction(0)


def recognised(deferred_minor: int, points: Points, rate: Decimal) -> int:
    """What of it is recognised by now, since the beginning: as points are spent, of those expected to be."""
    can_still = points.earned - points.expired
    expected = min(Fraction(can_still), max(Fraction(rate) * points.earned, Fraction(points.redeemed)))
    if points.redeemed >= expected:
        return deferred_minor
    return round(deferred_minor * points.redeemed / expected)


def movement(before: Standing, after: Standing) -> Movement:
    """What happened between two moments."""
    return Movement(
        before.liability, after.deferred - before.deferred, after.recognised - before.recognised, after.liability
    )


def movements(before: Mapping[Key, Standing], after: Mapping[Key, Standing]) -> dict[Key, Movement]:
    """For each cohort; one that is not there any more has nothing that waits."""
    keys = sorted(before.keys() | after.keys())
    return {key: movement(before.get(key, NOTHING), after.get(key, NOTHING)) for key in keys}
