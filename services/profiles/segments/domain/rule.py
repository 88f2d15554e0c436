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
ConsentState = Literal["granted", "withdrawn", "expired", "none"]
# What other services tell of customers.
Told = Literal[
    "points", "tier", "expiring", "tier_near", "nps", "case", "case_opened", "case_contacted", "churn_risk", "clv"
]
OutlookName = Literal["churn_risk", "clv"]
OutlookBand = Literal["low", "medium", "high"]
Score = Literal["recency", "frequency", "monetary"]


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
class Followed:
    """The person did these things one after the other, the last at most so long after the first, and nothing of
    `without` in between; with `op`, the last time that this was complete is so many days of 24 hours ago.
    """

    steps: tuple[str, ...]
    within_minutes: int
    without: tuple[str, ...] = ()
    op: Op | None = None
    days: int = 0


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


@dataclass(frozen=True, slots=True)
class ConsentIs:
    """What the latest word on a purpose and a channel says now; `none`: nobody ever said anything."""

    purpose: str
    channel: str
    state: ConsentState


@dataclass(frozen=True, slots=True)
class Points:
    """Points that can be spent now, of a wallet under all keys of the person; nothing told is 0."""

    wallet: str
    op: Op
    value: int


@dataclass(frozen=True, slots=True)
class TierIs:
    """The tier of a track is one of these (`eq`, `in`), or there is one and it is none of them (`ne`)."""

    track: str
    tiers: tuple[str, ...]
    is_one: bool = True


@dataclass(frozen=True, slots=True)
class TierExists:
    """There is a tier of the track."""

    track: str


@dataclass(frozen=True, slots=True)
class TierRank:
    """The rank of the tier of a track, counted from 1, the lowest; no tier: false."""

    track: str
    op: Op
    value: int


@dataclass(frozen=True, slots=True)
class NpsIs:
    """What the person said last, from 0 to 10, how likely they are to recommend the firm; never asked: false."""

    op: Op
    value: int


@dataclass(frozen=True, slots=True)
class DaysSinceNps:
    """How many days of 24 hours ago they said so; never: false."""

    op: Op
    days: int


@dataclass(frozen=True, slots=True)
class HasOpenCase:
    """A complaint of the person is not mended yet."""


@dataclass(frozen=True, slots=True)
class OutlookIs:
    """Metrics told last that the person's churn risk, or lifetime value, is in one of these bands; untold: false."""

    which: OutlookName
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InSegment:
    """The rule of another segment is true of the person, or they are in that list."""

    segment_id: UUID


@dataclass(frozen=True, slots=True)
class OfPersona:
    """The person belongs to the segment of a persona that is in use."""

    key: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A score from 1 to 5 on the firm's scale (see `rfm/`); who never ordered has none."""

    score: Score
    op: Op
    value: int


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
    | Followed
    | ConsentIs
    | Points
    | TierIs
    | TierExists
    | TierRank
    | NpsIs
    | DaysSinceNps
    | HasOpenCase
    | OutlookIs
    | InSegment
    | OfPersona
    | Scored
)
Rule = And | Or | Not | Leaf
NEVER = Or(())


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


def asks_trait(leaf: Leaf, name: str) -> bool:
    """Whether a condition is one on this trait."""
    return isinstance(leaf, TraitIs | TraitExists | TraitText | TraitCompares) and leaf.name == name


class Input(NamedTuple):
    """Facts of one kind that a condition looks at; others cannot change its answer. `name`: of which trait or event."""

    kind: Literal["trait", "event", "orders", "consents", "told"]
    name: str = ""


def inputs(rule: Rule) -> frozenset[Input]:
    """What facts a rule looks at. It refers to nothing any more: see `expansion`."""
    return frozenset(found for leaf in leaves(rule) for found in _inputs(leaf))


def _inputs(leaf: Leaf) -> Iterator[Input]:
    match leaf:
        case TraitIs(name) | TraitExists(name) | TraitText(name) | TraitCompares(name):
            yield Input("trait", name)
        case OrderTotal() | OrderMoment() | DaysSince(None):
            yield Input("orders")
        case EventCount(event) | DaysSince(str() as event):
            yield Input("event", event)
        case Followed(steps, _, without):
            for event in (*steps, *without):
                yield Input("event", event)
        case ConsentIs():
            yield Input("consents")
        case _ if (told := _told(leaf)) is not None:
            yield Input("told", told)


def _told(leaf: Leaf) -> Told | None:
    match leaf:
        case Points():
            return "points"
        case TierIs() | TierExists() | TierRank():
            return "tier"
        case NpsIs() | DaysSinceNps():
            return "nps"
        case HasOpenCase():
            return "case"
        case OutlookIs(which):
            return which
    return None
