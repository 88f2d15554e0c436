"""What a person bought, by day and currency, and what all figures that are sums over people make of it.

Three sums are kept, each exact when a purchase is taken back or two people turn out to be one, because the part of the
old person is subtracted and that of the new one added: `cells` (see `lifeline`), `histories`, which models of buying
need no more than, and `spends`, which models of spending do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from services.metrics.domain.lifeline import Cell, Days, cells

# In place of a currency: of people who bought in several, which are never added. That nobody said one is another thing.
SEVERAL = "*"
Bucket = tuple[int, str]


class Bought(NamedTuple):
    """Purchases of a day in a currency, and what they came to, less what went back whenever it did."""

    orders: int
    net_minor: int


Purchases = Mapping[Bucket, Bought]
NOTHING: Purchases = {}


class History(NamedTuple):
    """All that models of buying need: on how many days somebody bought again after the first, and the two ends."""

    currency: str
    repeats: int
    first_day: int
    last_day: int


class Spend(NamedTuple):
    """What somebody who bought again spent on the days after the first, together."""

    currency: str
    repeats: int
    repeat_minor: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What to add: people per cell, people and what they spent again per history, people per spend."""

    cells: Mapping[Cell, int] = field(default_factory=dict)
    histories: Mapping[History, tuple[int, int]] = field(default_factory=dict)
    spends: Mapping[Spend, int] = field(default_factory=dict)


def after_change(purchases: Purchases, change: Purchases) -> dict[Bucket, Bought]:
    """Purchases after a change; buckets without any are left out.

    Raises:
        ValueError: a bucket would have fewer than none, or money without a purchase, which no set of facts can say.
    """
    after = dict(purchases)
    for bucket, (orders, net) in change.items():
        old = after.pop(bucket, None)
        left = Bought(orders, net) if old is None else Bought(old.orders + orders, old.net_minor + net)
        if left.orders < 0 or (not left.orders and left.net_minor):
            raise ValueError(f"{bucket} would have {left.orders} purchases")
        if left.orders:
            after[bucket] = left
    return after


def together(parts: Sequence[Purchases]) -> Purchases:
    """The purchases of one person who is known under several keys."""
    if len(parts) == 1:
        return parts[0]
    whole: Purchases = NOTHING
    for part in parts:
        whole = after_change(whole, part)
    return whole


def days_of(purchases: Purchases) -> Days:
    """Purchases per day, in whatever currency."""
    if len(purchases) == 1:
        (((day, _), bought),) = purchases.items()
        return {day: bought.orders}
    days: dict[int, int] = {}
    for (day, _), bought in purchases.items():
        days[day] = days.get(day, 0) + bought.orders
    return days


def history_of(purchases: Purchases) -> tuple[History, int]:
    """The history of somebody with purchases, and what they spent on the days after the first, in minor units."""
    if len(purchases) == 1:
        ((day, currency),) = purchases
        return History(currency, 0, day, day), 0
    days = {day for day, _ in purchases}
    currencies = {currency for _, currency in purchases}
    if len(currencies) > 1:
        return History(SEVERAL, len(days) - 1, min(days), max(days)), 0
    first = min(days)
    again = sum(bought.net_minor for (day, _), bought in purchases.items() if day != first)
    return History(currencies.pop(), len(days) - 1, first, max(days)), again


def difference(before: Iterable[Purchases], after: Iterable[Purchases]) -> Difference:
    """What to add to each sum when the people of `before` turn into those of `after`.

    Least is to be done where each comes at the place of who they were.
    """
    in_cells: defaultdict[Cell, int] = defaultdict(int)
    histories: defaultdict[History, list[int]] = defaultdict(lambda: [0, 0])
    spends: defaultdict[Spend, int] = defaultdict(int)
    for old, new in zip_longest(before, after, fillvalue=NOTHING):
        if old == new:
            continue
        gone, come = set(cells(days_of(old))), set(cells(days_of(new)))
        for cell in gone - come:
            in_cells[cell] -= 1
        for cell in come - gone:
            in_cells[cell] += 1
        for sign, purchases in ((-1, old), (1, new)):
            if not purchases:
                continue
            history, again = history_of(purchases)
            sums = histories[history]
            sums[0] += sign
            sums[1] += sign * again
            if history.repeats and history.currency != SEVERAL:
                spends[Spend(history.currency, history.repeats, again)] += sign
    return Difference(
        {cell: number for cell, number in in_cells.items() if number},
        {history: (people, money) for history, (people, money) in histories.items() if people or money},
        {spend: number for spend, number in spends.items() if number},
    )
