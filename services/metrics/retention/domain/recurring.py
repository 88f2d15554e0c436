"""Repeat purchases: how many customers buy again, and how long the next order takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.metrics.retention.domain.survival import Curve, Length, Share

WITHIN_DAYS = (7, 30, 60, 90, 180, 365)
SHOWN_DAYS = (*range(8), 10, 14, 21, 28, 30, 45, 60, 75, 90, 120, 150, 180, 240, 300, 365, 540, 730, 1095, 1825)
QUARTERS = (0.25, 0.5, 0.75)


class Within(NamedTuple):
    """Of customers whose first order is at least so many days ago, who ordered again within that many."""

    days: int
    again: int
    customers: int


class Point(NamedTuple):
    """By a day: which share has ordered again, and how many were still waiting for it."""

    day: int
    share: Share
    waiting: int


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the order after the `nth` takes: of `customers` with an nth order, `ended` have the next."""

    nth: int
    customers: int
    ended: int
    quarters: dict[float, Length | None]
    points: list[Point]


def again_within(
    ended: Sequence[tuple[int, int]], going: Sequence[tuple[int, int]], firsts: Sequence[tuple[int, int]], as_of: int
) -> list[Within]:
    """From how long second orders took, or have not come for, and how many customers came on each day.

    Who came later has had less time, and is left out: otherwise a shop that grows would look worse than it is. Of those
    left out, whoever has ordered again did so within the time: it is not over yet.
    """
    found: list[Within] = []
    for days in WITHIN_DAYS:
        young = sum(number for first, number in firsts if as_of - first < days)
        waiting = sum(number for waited, number in going if waited < days)
        soon = sum(number for waited, number in ended if waited <= days)
        every = sum(number for _, number in firsts)
        found.append(Within(days, soon - (young - waiting), every - young))
    return found


def wait(nth: int, curve: Curve) -> Wait:
    """What a curve says, where it was watched."""
    points: list[Point] = []
    for day in SHOWN_DAYS:
        share = curve.ended_by(day)
        if share is not None and curve.waiting[day]:
            points.append(Point(day, share, int(curve.waiting[day])))
    quarters = {share: curve.length(share) for share in QUARTERS}
    return Wait(nth, curve.number if len(curve.waiting) else 0, int(curve.ended.sum()), quarters, points)
