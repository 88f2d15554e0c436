"""A rule: a tree of conditions on one person. Each is true or false of everybody; nothing is unknown.

What is not there fulfils no comparison: `{"trait": "age", "lt": 18}` leaves out whoever has no age, and so does
`{"trait": "city", "ne": "Huế"}` whoever has no city; `{"not": {"trait": "city", "eq": "Huế"}}` takes them in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

Scalar = str | int | float | bool
Op = Literal["eq", "ne", "gt", "gte", "lt", "lte"]
TextOp = Literal["contains", "starts_with"]
TotalName = Literal["orders", "gross_minor", "refunds_minor", "net_minor"]
MomentName = Literal["first_order_at", "last_order_at"]


class Moment(NamedTuple):
    """A time in a rule: RFC 3339, or a date, which is its first moment in the firm's time zone."""

    text: str


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true."""

    parts: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: "Rule"


@dataclass(frozen=True, slots=True)
class TraitIs:
    """The trait is one of the values (`eq`, `in`), or is there and none of them (`ne`); 1 and 1.0 are one value."""

    name: str
    values: tuple[Scalar, ...]
    is_one: bool = True


@dataclass(frozen=True, slots=True)
class TraitExists:
    """The trait has a value."""

    name: str


@dataclass(frozen=True, slots=True)
class TraitText:
    """A text begins with or contains `value`, letter by letter; a list contains it as an element."""

    name: str
    op: TextOp
    value: Scalar


@dataclass(frozen=True, slots=True)
class TraitCompares:
    """A number compares with a number, or a text that is a time with a time."""

    name: str
    op: Op
    value: int | float | Moment


@dataclass(frozen=True, slots=True)
class Identified:
    """The person is a known customer, not a visitor."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often the person did something: ever, or today and on the `within_days` - 1 local days before."""

    event: str
    within_days: int | None
    op: Op
    value: int


@dataclass(frozen=True, slots=True)
class DaysSince:
    """How many days of 24 hours ago the person last did something (`event` None: ordered); never: false."""

    event: str | None
    op: Op
    days: int


@dataclass(frozen=True, slots=True)
class OrderTotal:
    """Number of orders, or money in minor units of `currency`; cancelled orders do not count. Nothing is 0."""

    total: TotalName
    currency: str | None
    op: Op
    value: int


@dataclass(frozen=True, slots=True)
class OrderMoment:
    """When the first or the last order was placed; no order: false."""

    which: MomentName
    op: Op
    value: Moment


@dataclass(frozen=True, slots=True)
class InList:
    """The person is in a static list."""

    segment_id: UUID


Leaf = (
    TraitIs
    | TraitExists
    | TraitText
    | TraitCompares
    | Identified
    | EventCount
    | DaysSince
    | OrderTotal
    | OrderMoment
    | InList
)
Rule = And | Or | Not | Leaf


def leaves(rule: Rule) -> Iterator[Leaf]:
    """The conditions of a rule."""
    match rule:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case leaf:
            yield leaf


class Watch(NamedTuple):
    """What facts a rule looks at; others cannot change its answer."""

    traits: frozenset[str]
    events: frozenset[str]
    orders: bool
    lists: bool


def watch(rules: Iterator[Rule]) -> Watch:
    """What facts any of these rules looks at."""
    traits: set[str] = set()
    events: set[str] = set()
    orders = lists = False
    for rule in rules:
        for leaf in leaves(rule):
            match leaf:
                case TraitIs(name) | TraitExists(name) | TraitText(name) | TraitCompares(name):
                    traits.add(name)
                case EventCount(event) | DaysSince(str() as event):
                    events.add(event)
                case DaysSince() | OrderTotal() | OrderMoment():
                    orders = True
                case InList():
                    lists = True
                case Identified():
                    pass
    return Watch(frozenset(traits), frozenset(events), orders, lists)
