"""How many of the points that members get they spend, with an interval, or why that cannot be said."""

from math import sqrt
from typing import Literal, NamedTuple

# Fewer members say nothing of all others; the interval would be as wide as all there is.
LEAST_MEMBERS = 30
_Z = 1.959964

Why = Literal["points_never_end", "too_few_members"]


class Fates(NamedTuple):
    """Points whose last day is over, by member: `spent` of `ended` (spent and expired), and the sums of squares."""

    members: int
    spent: int
    ended: int
    spent_squared: int
    ended_squared: int
    product: int


class Rate(NamedTuple):
    """A share between 0 and 1 with its 95 % interval."""

    value: float
    low: float
    high: float


def redemption(fates: Fates, *, ends: bool) -> tuple[Rate | None, Why | None]:
    """The share that was spent of points whose last day is over; or why nothing can be said.

    Only those whose day is over count: of younger ones the spending is seen first, and the end not yet. Members differ,
    and one spends all of theirs or none: the interval is that of a ratio over members, not over points.
    """
    if not ends and not fates.ended:
        return None, "points_never_end"
    if fates.members < LEAST_MEMBERS or not fates.ended:
        return None, "too_few_members"
    rate = fates.spent / fates.ended
    # Sum of (spent - rate * ended)²: whole numbers first, so that nothing cancels.
    squares = (
        fates.spent_squared * fates.ended**2
        - 2 * fates.spent * fates.product * fates.ended
        + fates.spent**2 * fates.ended_squared
    ) / fates.ended**2
    number = fates.members
    error = sqrt(max(0.0, squares) * number / (number - 1)) / fates.ended
    return Rate(rate, max(0.0, rate - _Z * error), min(1.0, rate + _Z * error)), None
