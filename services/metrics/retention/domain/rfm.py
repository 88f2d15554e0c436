"""Recency, frequency, money: five scores each, and a name for each pair of the first two.

The scheme, which never changes: a score is 1 plus how many of the cut points a value exceeds. The cut points of recency
(the day of the last purchase) and of money (net revenue, rounded up to three significant digits) are the quintiles of
all customers of a currency: the smallest value that a fifth, two fifths, … of them do not exceed. A frequency of one
order scores 1; of those who ordered again, quarters score 2 to 5. So equal values have equal scores, whoever they
belong to and in whatever order they came. Money is rounded so that it can be counted by value: then cut points and
segments are read from sums. Groups by all three scores are as many as customers are unlike: everybody is looked at.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from services.metrics.retention.domain.reasons import MIN_CUSTOMERS, Reason

Segment = Literal[
    "champions",
    "loyal",
    "potential_loyal",
    "new",
    "promising",
    "need_attention",
    "about_to_sleep",
    "at_risk",
    "cannot_lose",
    "hibernating",
]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)

# By recency from 1 to 5, each by frequency from 1 to 5.
_NAMES: tuple[tuple[Segment, ...], ...] = (
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    ("promising", "potential_loyal", "potential_loyal", "loyal", "loyal"),
    ("new", "potential_loyal", "potential_loyal", "champions", "champions"),
)


class Scores(NamedTuple):
    """Each from 1 to 5, 5 the best."""

    recency: int
    frequency: int
    money: int

    @property
    def segment(self) -> Segment:
        """The name of these scores."""
        return _NAMES[self.recency - 1][self.frequency - 1]


@dataclass(frozen=True, slots=True)
class Cuts:
    """Ascending cut points: days of the last purchase, numbers of orders, net revenue in minor units."""

    recency: Sequence[int]
    frequency: Sequence[int]
    money: Sequence[int]

    def scores(self, last_day: int, orders: int, net_minor: int) -> Scores:
        """The scores of somebody."""
        often = 1 if orders <= 1 else 2 + bisect_left(self.frequency, orders)
        return Scores(1 + bisect_left(self.recency, last_day), often, 1 + bisect_left(self.money, net_minor))


class Part(NamedTuple):
    """Customers with the same recency and frequency; `net_minor` and `away_days` are sums, as of groups."""

    recency: int
    frequency: int
    customers: int
    orders: int
    net_minor: int
    away_days: int

    @property
    def segment(self) -> Segment:
        """The name of these scores."""
        return _NAMES[self.recency - 1][self.frequency - 1]


class Group(NamedTuple):
    """Customers with the same scores, their orders, net revenue, and the sum of the days since each bought last."""

    scores: Scores
    customers: int
    orders: int
    net_minor: int
    away_days: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """The customers whose purchases are all in one currency."""

    currency: str
    customers: int
    cuts: Cuts
    parts: Sequence[Part]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why they cannot be scored; empty: they can."""
        found: list[Reason] = []
        if self.customers < MIN_CUSTOMERS:
            found.append("too_few_customers")
        if len(set(self.cuts.recency)) < 2:
            found.append("recency_alike")
        return tuple(found)


class Total(NamedTuple):
    """All customers of a segment."""

    segment: Segment
    customers: int
    orders: int
    net_minor: int
    away_days: int


def totals(parts: Sequence[Part]) -> list[Total]:
    """Sums of each segment, in the order of their names above; together they are all customers."""
    sums = {segment: [0, 0, 0, 0] for segment in SEGMENTS}
    for part in parts:
        into = sums[part.segment]
        for place, number in enumerate(part[2:]):
            into[place] += number
    return [Total(segment, *sums[segment]) for segment in SEGMENTS]
