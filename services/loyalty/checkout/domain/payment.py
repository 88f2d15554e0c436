"""What points are worth, and how much of an order they may pay."""

from typing import NamedTuple

WHOLE = 10_000  # basis points of everything


class Rate(NamedTuple):
    """`points` are worth `minor` of `currency`. They pay at most `share_basis_points` of an order, and no less than
    `minimum_points` at once."""

    wallet: str
    currency: str
    points: int
    minor: int
    share_basis_points: int = WHOLE
    minimum_points: int = 0


class Offer(NamedTuple):
    """What points could pay now; `points` 0: nothing."""

    points: int
    minor: int


def worth(rate: Rate, points: int) -> int:
    """Minor units that so many points pay, rounded down."""
    return points * rate.minor // rate.points


def price(rate: Rate, minor: int) -> int:
    """The fewest points that pay `minor`."""
    return -(-minor * rate.points // rate.minor)


def fewest(rate: Rate, points: int) -> int:
    """The fewest points that pay as much as `points` do: none is taken that buys nothing."""
    return price(rate, worth(rate, points))


def ceiling(rate: Rate, total_minor: int, due_minor: int) -> int:
    """The most that points may pay of an order of `total_minor` of which `due_minor` is left to pay."""
    return min(due_minor, total_minor * rate.share_basis_points // WHOLE)


def offer(rate: Rate, *, total_minor: int, due_minor: int, available: int) -> Offer:
    """The most that `available` points may pay of an order."""
    most = ceiling(rate, total_minor, due_minor)
    # The most points that are worth no more than `most`: change is never given.
    points = min(available, ((most + 1) * rate.points - 1) // rate.minor)
    points = fewest(rate, points)
    if points == 0 or points < rate.minimum_points:
        return Offer(0, 0)
    return Offer(points, worth(rate, points))
