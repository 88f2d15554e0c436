"""Conditions on a basket, a customer and a moment, as values. `conditions.py` reads them, `verdicts.py` judges them."""

from datetime import date, time
from typing import NamedTuple

from services.loyalty.vouchers.domain.basket import Scalar
from services.loyalty.vouchers.domain.benefit import EVERYTHING, Selector


class Range(NamedTuple):
    """A whole number from `low` to `high`, both included; None is without end."""

    low: int | None = None
    high: int | None = None

    def holds(self, value: int) -> bool:
        """Whether the value is in it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class And(NamedTuple):
    parts: "tuple[Rule, ...]"


class Or(NamedTuple):
    parts: "tuple[Rule, ...]"


class Not(NamedTuple):
    part: "Rule"


class InSegment(NamedTuple):
    """The customer is in a segment."""

    segments: frozenset[str]


class InTier(NamedTuple):
    """The customer is in one of the tiers of a track."""

    track: str
    tiers: frozenset[str]


class HasRank(NamedTuple):
    """The customer's tier in a track ranks so; who is in none has rank 0."""

    track: str
    rank: Range


class Known(NamedTuple):
    """Whether the shop says who buys."""

    is_known: bool


class FirstOrder(NamedTuple):
    """Whether this would be the customer's first order; of a stranger nobody can say."""

    is_first: bool


class Orders(NamedTuple):
    """How many orders the customer has placed that still stand."""

    wanted: Range


class Amount(NamedTuple):
    """What the lines that are meant cost before discounts, in minor units of a currency."""

    currency: str
    minor: Range
    lines: Selector = EVERYTHING


class Units(NamedTuple):
    """How many units of the lines that are meant there are."""

    wanted: Range
    lines: Selector = EVERYTHING


class Lines(NamedTuple):
    """How many lines that are meant there are."""

    wanted: Range
    lines: Selector = EVERYTHING


class OnWeekday(NamedTuple):
    """The local day of the week, Monday is 0."""

    days: frozenset[int]


class AtHours(NamedTuple):
    """Local time of day, `start` included and `end` not; over midnight if `end` is before `start`."""

    start: time
    end: time


class OnDates(NamedTuple):
    """Local days, both included."""

    first: date | None
    last: date | None


class InChannel(NamedTuple):
    """Where the basket is bought."""

    channels: frozenset[str]


class HasMetadata(NamedTuple):
    """What the shop says of the basket: `name` is one of `values`, or, without values, there at all."""

    name: str
    values: tuple[Scalar, ...]


class MetadataRange(NamedTuple):
    """What the shop says of the basket: `name` is a whole number in the range."""

    name: str
    range: Range


Combined = And | Or | Not
Leaf = (
    InSegment | InTier | HasRank | Known | FirstOrder | Orders | Amount | Units | Lines
    | OnWeekday | AtHours | OnDates | InChannel | HasMetadata | MetadataRange
)  # fmt: skip
Rule = Combined | Leaf

_OF_PERSONS = (InSegment, InTier, HasRank, FirstOrder, Orders)


def asks_of_person(rule: Rule) -> bool:
    """Whether it asks more of the customer than who they are."""
    if isinstance(rule, Not):
        return asks_of_person(rule.part)
    if isinstance(rule, And | Or):
        return any(map(asks_of_person, rule.parts))
    return isinstance(rule, _OF_PERSONS)
