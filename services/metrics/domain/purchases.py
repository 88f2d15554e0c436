"""What a person bought, by day and currency, and what all figures that are sums over people make of it.

Sums are kept, each exact when a purchase is taken back or two people turn out to be one, because the part of the old
person is subtracted and that of the new one added: `cells` (see `lifeline`), `histories`, which models of buying need
no more than, `spends`, which models of spending do, and `tallies`, which retention is read from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from services.metrics.domain.lifeline import NEVER, NOT_YET, Cell, Days, cells, growth
from services.metrics.domain.tallies import Standing, Tallies, tallies

# In place of a currency: of people who bought in several, which are never added. That nobody said one is another thing.
SEVERAL = "*"
Bucket = tuple[int, str]


class Bought(NamedTuple):
    """Purchases of a day in a currency, and what they came to, less what went back whenever it did."""

    orders: int
    net_minor: int


Purchases = Mapping[Bucket, Bought]
NOTHING: Purchases = {}


class Line(NamedTuple):
    """Purchases as they are stored: columns of one length, in ascending order of days and currencies."""

    days: Sequence[int]
    currencies: Sequence[str]
    counts: Sequence[int]
    nets: Sequence[int]

    @property
    def purchases(self) -> Purchases:
        """The same by bucket."""
        buckets = zip(self.days, self.currencies, strict=True)
        return dict(zip(buckets, map(Bought, self.counts, self.nets), strict=True))


# Who was there (None: nobody), and what came, in ascending order.
Growth = tuple[Line | None, Sequence[tuple[Bucket, Bought]]]


def growth_of(line: Line | None, change: Purchases) -> Growth | None:
    """The change, if all that is new are purchases on later days in the one currency of all: what most facts say."""
    came = sorted(change.items()) if len(change) > 1 else list(change.items())
    currency, last = came[0][0][1], NEVER
    if line is not None:
        # A row may be there for its lock alone.
        if not line.days or line.currencies.count(currency) < len(line.currencies):
            return None
        last = line.days[-1]
    for (day, code), (orders, _) in came:
        if day <= last or orders <= 0 or code != currency:
            return None
        last = day
    return line, came


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
    """What to add: people per cell, people and what they spent again per history, people per spend; and to tallies."""

    cells: Mapping[Cell, int] = field(default_factory=dict)
    histories: Mapping[History, tuple[int, int]] = field(default_factory=dict)
    spends: Mapping[Spend, int] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)


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
    days, currencies = zip(*purchases, strict=True)
    first, last = min(days), max(days)
    if currencies.count(currencies[0]) < len(currencies):
        return History(SEVERAL, len(set(days)) - 1, first, last), 0
    # In one currency, a day is in one bucket.
    again = sum([bought.net_minor for bought in purchases.values()]) - purchases[first, currencies[0]].net_minor
    return History(currencies[0], len(days) - 1, first, last), again


def standing_of(purchases: Purchases) -> Standing | None:
    """Where somebody stands by recency, frequency and money; None without purchases."""
    if len(purchases) == 1:
        (((day, currency), (orders, net)),) = purchases.items()
        return currency, day, orders, net
    if not purchases:
        return None
    days, currencies = zip(*purchases, strict=True)
    counts, nets = zip(*purchases.values(), strict=True)
    if currencies.count(currencies[0]) < len(currencies):
        return SEVERAL, max(days), sum(counts), None
    return currencies[0], max(days), sum(counts), sum(nets)


def difference(
    before: Iterable[Purchases],
    after: Iterable[Purchases],
    grown: Iterable[Growth] = (),
) -> Difference:
    """What to add to each sum when the people of `before` turn into those of `after`.

    Least is to be done where each comes at the place of who they were, and of those who have `grown`.
    """
    found = _Sums()
    for old, new in zip_longest(before, after, fillvalue=NOTHING):
        if old != new:
            found.replace(old, new)
    for line, came in grown:
        found.grow(line, came)
    return found.difference()


@dataclass(slots=True)
class _Sums:
    """Sums of what changes. People who grew are counted by the days alone that make the same of all of them."""

    cells: defaultdict[Cell, int] = field(default_factory=lambda: defaultdict(int))
    histories: defaultdict[History, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    spends: defaultdict[Spend, int] = field(default_factory=lambda: defaultdict(int))
    # By the first day and its orders; by a last day and the next; and by the first day of all and the second purchase.
    begun: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    grown: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    again: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    tallies: Tallies = field(default_factory=Tallies)

    def replace(self, old: Purchases, new: Purchases) -> None:
        """Somebody is now another."""
        days, days_now = days_of(old), days_of(new)
        self.tallies.replace(days, days_now)
        gone, come = set(cells(days)), set(cells(days_now))
        for cell in gone - come:
            self.cells[cell] -= 1
        for cell in come - gone:
            self.cells[cell] += 1
        self._move(old, new)

    def grow(self, line: Line | None, came: Sequence[tuple[Bucket, Bought]]) -> None:
        """Somebody bought on days after all others, in the one currency of all, or for the first time."""
        currency = came[0][0][1]
        days, known, spent, at_first = [], 0, 0, came[0][1].net_minor
        if line is not None:
            days, known, spent, at_first = [*line.days], sum(line.counts), sum(line.nets), line.nets[0]
            self._count(currency, days, known, spent, spent - at_first, -1)
        for (day, _), (orders, net) in came:
            if days:
                last = days[-1]
                self.grown[last, day] += 1
                if known == 1:
                    self.again[last, day] += 1
                self.tallies.grow(days, known, last, day, orders)
            else:
                self.begun[day, orders] += 1
            days.append(day)
            known, spent = known + orders, spent + net
        self._count(currency, days, known, spent, spent - at_first, 1)

    def _count(self, currency: str, days: Sequence[int], orders: int, net: int, again: int, sign: int) -> None:
        """All that does not hang on single days, of somebody who buys in one currency."""
        last, repeats = days[-1], len(days) - 1
        self.tallies.count((currency, last, orders, net), sign)
        sums = self.histories[History(currency, repeats, days[0], last)]
        sums[0] += sign
        sums[1] += sign * again
        if repeats:
            self.spends[Spend(currency, repeats, again)] += sign

    def _move(self, old: Purchases, new: Purchases) -> None:
        """All that does not hang on single days."""
        for sign, purchases in ((-1, old), (1, new)):
            if (standing := standing_of(purchases)) is not None:
                self.tallies.count(standing, sign)
                history, again = history_of(purchases)
                sums = self.histories[history]
                sums[0] += sign
                sums[1] += sign * again
                if history.repeats and history.currency != SEVERAL:
                    self.spends[Spend(history.currency, history.repeats, again)] += sign

    def difference(self) -> Difference:
        """What is not nothing."""
        for (first, orders), people in self.begun.items():
            for cell in cells({first: orders}):
                self.cells[cell] += people
            for tally in tallies({first: orders}):
                self.tallies.lives[tally] += people
        self.tallies.settle()
        for (last, day), people in self.grown.items():
            for cell, sign in growth(last, day):
                self.cells[cell] += sign * people
        for (first, second), people in self.again.items():
            self.cells["repeat", first, NOT_YET] -= people
            self.cells["repeat", first, second] += people
        return Difference(
            {cell: number for cell, number in self.cells.items() if number},
            {history: (people, money) for history, (people, money) in self.histories.items() if people or money},
            {spend: number for spend, number in self.spends.items() if number},
            self.tallies,
        )
