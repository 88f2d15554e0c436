"""Inferred interests: what touchpoints tell of categories, brands and products, and how strong that is at a time.

A touchpoint counts once for each interest that it names, on its local day. The strength of an interest on a day is the
sum over its touchpoints of weight x 0.5 ** (age in whole local days / half-life). Counts commute and the sum is rounded
once, so the order of touchpoints is nothing. What touchpoints tell of an order is counted under its id: an order that
was cancelled, or went back as a whole, is left out when somebody reads, whatever its touchpoints named.
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.activity.domain import Tally, local_day
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event

Kind = Literal["category", "brand", "product"]

DEFINITION = "profiles.interest.v1"
ORDERED, REFUNDED, CANCELLED = "Order Completed", "Order Refunded", "Order Cancelled"

# Points of one touchpoint on its day; what takes an act back takes its points back.
WEIGHTS: Mapping[str, float] = {
    "Product List Viewed": 0.5,
    "Product Clicked": 0.5,
    "Product Viewed": 1.0,
    "Product Shared": 2.0,
    "Product Added to Wishlist": 2.0,
    "Product Removed from Wishlist": -2.0,
    "Product Added": 3.0,
    "Wishlist Product Added to Cart": 3.0,
    "Product Removed": -3.0,
    ORDERED: 8.0,
    REFUNDED: -8.0,
    CANCELLED: -8.0,
}

_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "category": ("category", "item_category"),
    "brand": ("brand", "item_brand"),
    "product": ("product_id", "item_id", "sku"),
}
_LISTS = ("products", "items")
# As the touchpoints service knows an order.
_ORDER = ("order_id", "transaction_id", "checkout_id")
_MAX_ORDER_ID = 255
# Its lines are what the shop showed, not what the customer looked for.
_SHOWN = "Product List Viewed"
MAX_NAME = 200
# Below this nothing is left of an interest: a fifth of one view of a list.
MIN_STRENGTH = 0.1


class Interest(NamedTuple):
    """Something to be interested in; names of categories and brands without regard to case."""

    kind: Kind
    name: str


class Cell(NamedTuple):
    """One raw person key, one interest, one name of a touchpoint, one local day of the firm, one order or none."""

    customer_id: UUID
    kind: Kind
    interest: str
    event: str
    day: date
    order_id: str = ""


class Evidence(NamedTuple):
    """How often touchpoints of one name told of an interest: in all, and on each day."""

    event: str
    times: int
    first_at: datetime
    last_at: datetime
    days: Sequence[tuple[date, int]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An interest with its strength in points, and the evidence for it."""

    interest: Interest
    strength: float
    evidence: Sequence[Evidence]

    @property
    def is_bought(self) -> bool:
        """Whether any of it was ever ordered and not given back as a whole."""
        return any(each.event == ORDERED for each in self.evidence)

    @property
    def last_at(self) -> datetime:
        """When it was told of last."""
        return max(each.last_at for each in self.evidence)


def told(event: str, properties: Mapping[str, Any]) -> set[Interest]:
    """The interests that a touchpoint names; none if its name says nothing of interest."""
    if event not in WEIGHTS:
        return set()
    places = [properties] if event == _SHOWN else [properties, *_lines(properties)]
    return {
        Interest(kind, name)
        for place in places
        for kind, fields in _FIELDS.items()
        if (name := _name(kind, next((place[field] for field in fields if place.get(field)), None))) is not None
    }


def counted(events: Iterable[Event[TouchpointRecorded]], zone: tzinfo) -> dict[Cell, Tally]:
    """What a batch adds to the counts."""
    cells: dict[Cell, Tally] = {}
    for event in events:
        day = local_day(event.time, zone)
        for interest in told(event.data.name, event.data.properties):
            cell = Cell(event.subject, *interest, event.data.name, day, _order_id(event.data))
            if cell in cells:
                cells[cell].add(event.time)
            else:
                cells[cell] = Tally(1, event.time, event.time)
    return cells


def points(evidence: Evidence, day: date, *, half_life_days: float) -> float:
    """What the evidence is worth on a day; days after it are not looked at."""
    decayed = (count * 0.5 ** ((day - on).days / half_life_days) for on, count in evidence.days if on <= day)
    return WEIGHTS.get(evidence.event, 0.0) * math.fsum(decayed)


def ranked(found: Mapping[Interest, Sequence[Evidence]], day: date, *, half_life_days: float) -> list[Ranked]:
    """The interests that are left on a day, the strongest first."""
    rated = [
        Ranked(
            interest,
            round(math.fsum(points(each, day, half_life_days=half_life_days) for each in evidence), 4),
            sorted(evidence),
        )
        for interest, evidence in found.items()
    ]
    return sorted((each for each in rated if each.strength >= MIN_STRENGTH), key=_strongest)


def _strongest(each: Ranked) -> tuple[float, Interest]:
    return -each.strength, each.interest


def _order_id(data: TouchpointRecorded) -> str:
    """The order that a touchpoint is about; empty if it is about none."""
    if data.name not in (ORDERED, REFUNDED, CANCELLED):
        return ""
    stated = next((data.properties[field] for field in _ORDER if data.properties.get(field)), "")
    text = str(stated).strip().replace("\x00", "") if isinstance(stated, str | int) else ""
    return text if len(text) <= _MAX_ORDER_ID else ""


def _lines(properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for field in _LISTS:
        lines = properties.get(field)
        if isinstance(lines, list):
            yield from (line for line in lines if isinstance(line, dict))


def _name(kind: Kind, value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = " ".join(unicodedata.normalize("NFC", str(value)).replace("\x00", "").split())
    if kind != "product":
        text = unicodedata.normalize("NFC", text.casefold())
    return text if 0 < len(text) <= MAX_NAME else None
