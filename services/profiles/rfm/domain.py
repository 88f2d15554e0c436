"""The scale of RFM scores, and what somebody scores on it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Basis = Literal["fixed", "quintiles"]
Breaks = tuple[int, int, int, int]


class Scale(NamedTuple):
    """Four ascending breaks for each score.

    Who ordered at most `recency_days[0]` days of 24 hours ago has recency 5, at most `[1]` days ago 4, and so on; later
    than all: 1. Who has at least `orders[0]` orders has frequency 2, `orders[3]` 5; fewer: 1. So too `net_minor` of
    `currency`, what is left after refunds, in minor units; None: there is no monetary score above 1.
    """

    recency_days: Breaks = (30, 90, 180, 365)
    orders: Breaks = (2, 3, 5, 9)
    currency: str | None = None
    net_minor: Breaks = (1, 2, 3, 4)


class Scores(NamedTuple):
    """What somebody scores; `monetary` None: the scale has no currency."""

    recency: int
    frequency: int
    monetary: int | None


def scores(
    scale: Scale, *, orders: int, last_order_at: datetime | None, net_minor: int, now: datetime
) -> Scores | None:
    """What somebody scores who has these orders; None: none."""
    if last_order_at is None or not orders:
        return None
    breaks = [timedelta(days=days) for days in scale.recency_days]
    return Scores(
        5 - bisect_left(breaks, now - last_order_at),
        1 + bisect_right(scale.orders, orders),
        None if scale.currency is None else 1 + bisect_right(scale.net_minor, net_minor),
    )


def ascending(breaks: Sequence[int]) -> Breaks:
    """Four breaks that ascend, each at least one above the one before: of equal ones the others reach nobody."""
    found: list[int] = []
    for each in breaks:
        found.append(max(each, found[-1] + 1) if found else each)
    first, second, third, fourth = found
    return first, second, third, fourth
