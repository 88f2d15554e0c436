"""What a history earns, in the simplest words: fractions, no batches, no state that is kept. Written apart.

It knows one programme: a point per 10,000 dong of goods; double for tea; 50 for a first order; 1.5 times as much for
gold; at most 40 base points a local day, given to the first orders of the day. Gold is 1,000,000 dong in a local year,
from the order after the one that reaches it, until the end of the next year.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
GOLD = 1_000_000
CAP = 40


@dataclass
class Bought:
    """An order as it really was."""

    order_id: str
    person: str
    at: datetime
    tea: int
    other: int
    refunds: Mapping[str, int] = field(default_factory=dict)
    is_cancelled: bool = False

    @property
    def total(self) -> int:
        return self.tea + self.other

    @property
    def net(self) -> int:
        return 0 if self.is_cancelled else max(0, self.total - sum(self.refunds.values()))


def earned(orders: Sequence[Bought], families: Mapping[str, str]) -> dict[str, int]:
    """The points of each raw person, where `families` says under which name a person goes."""
    points: defaultdict[str, int] = defaultdict(int)
    for root in {families[each.person] for each in orders}:
        own = sorted(
            (each for each in orders if families[each.person] == root), key=lambda each: (each.at, each.order_id)
        )
        number, by_day = 0, defaultdict(int)
        for place, each in enumerate(own):
            if each.is_cancelled:
                continue
            number += 1
            if each.total > 0 and each.net == 0:
                continue
            exact = Fraction(each.net, 10_000)
            day = each.at.astimezone(VIETNAM).date()
            base = min(floor(exact), CAP - by_day[day])
            by_day[day] += base
            if base < floor(exact):
                exact = Fraction(base)
            tea = exact * Fraction(each.tea, each.total) if each.total else Fraction(0)
            half = exact / 2 if is_gold(own[:place], each.at) else Fraction(0)
            points[each.person] += base + max(0, floor(exact + tea + half) - base)
            if number == 1:
                points[each.person] += 50
    return points


def is_gold(before: Sequence[Bought], at: datetime) -> bool:
    """Whether what was bought before made gold in this local year or the last."""
    year = at.astimezone(VIETNAM).year
    return any(
        sum(each.net for each in before if each.at.astimezone(VIETNAM).year == wanted) >= GOLD
        for wanted in (year, year - 1)
    )
