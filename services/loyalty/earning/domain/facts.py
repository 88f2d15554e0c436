"""A fact as rules see it: an order or something else that happened, with the money that counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint
from services.loyalty.earning.domain.amounts import NONE, Ratio
from services.loyalty.earning.domain.rule import Lines
from shared.events.catalogue.touchpoints import OrderLine

# (trigger, name): what rules are found by.
Trigger = tuple[str, str]
ORDER: Trigger = ("order", "")


class Wanted(NamedTuple):
    """The lines that count, as sets."""

    categories: frozenset[str]
    products: frozenset[str]
    skus: frozenset[str]
    except_categories: frozenset[str]
    except_products: frozenset[str]
    except_skus: frozenset[str]

    @classmethod
    def of(cls, lines: Lines) -> "Wanted":
        """As the rule says."""
        return cls(*(frozenset(getattr(lines, name)) for name in cls._fields))

    def takes(self, line: OrderLine) -> bool:
        """Whether a line is among those that count."""
        category, product, sku = line.category, line.product_id, line.sku
        if category in self.except_categories or product in self.except_products or sku in self.except_skus:
            return False
        if not (self.categories or self.products or self.skus):
            return True
        return category in self.categories or product in self.products or sku in self.skus


class Counting(NamedTuple):
    """What counts of an order: the places of its lines (None: of the whole order), net money, and units bought."""

    places: tuple[int, ...] | None
    minor: Ratio
    units: Ratio


@dataclass(slots=True)
class Fact:
    """Something that may earn points. `number` is which of the person's orders it is; 0 where it is none.

    `said` are the touchpoints that named the order, by name, with the first time of each.
    """

    source: str
    trigger: Trigger
    customer: UUID
    at: datetime
    day: date
    channel: str
    order: KnownOrder | None = None
    number: int = 0
    happening: KnownTouchpoint | None = None
    told_at: datetime | None = None
    segments: frozenset[UUID] = frozenset()
    tiers: dict[str, str] = field(default_factory=dict)
    multipliers: dict[str, Ratio] = field(default_factory=dict)
    said: Mapping[str, datetime] = field(default_factory=dict)
    _counted: dict[Wanted | None, Counting] = field(default_factory=dict)

    def counting(self, wanted: Wanted | None) -> Counting:
        """What counts of the order for these lines (None: all goods), reckoned once."""
        found = self._counted.get(wanted)
        if found is None:
            found = self._counted[wanted] = NOTHING if self.order is None else counting(self.order, wanted)
        return found


NOTHING = Counting((), NONE, NONE)


def of_touchpoint(happening: KnownTouchpoint, day: date) -> Fact:
    """The fact a touchpoint, referral, birthday or answer is."""
    trigger = (happening.kind, "" if happening.kind == "birthday" else happening.name)
    source = f"{happening.kind}:{happening.id}"
    return Fact(
        source,
        trigger,
        happening.customer,
        happening.at,
        day,
        happening.source,
        happening=happening,
        told_at=happening.told_at,
    )


def of_order(order: KnownOrder, day: date, number: int) -> Fact:
    """The fact an order is."""
    return Fact(
        f"order:{order.order_id}",
        ORDER,
        order.customer,
        order.placed_at,
        day,
        order.source,
        order,
        number,
        told_at=order.told_at,
    )


def total(order: KnownOrder) -> Ratio:
    """What was paid and did not go back, shipping and tax included."""
    return Ratio(order.net_minor)


def counting(order: KnownOrder, wanted: Wanted | None) -> Counting:
    """What counts of an order: the goods, or those of the wanted lines.

    Lines state prices before discounts on the whole order: together they count for no more than was paid for the
    goods, each for its share. What went back takes the same share of each line.
    """
    net, paid = order.net_minor, order.total_minor
    if net <= 0 or paid <= 0:
        return NOTHING
    goods = max(0, paid - order.shipping_minor - order.tax_minor)
    lines = order.lines or ()
    if wanted is None:
        return Counting(None, Ratio(goods * net, paid), Ratio(_units(lines) * net, paid))
    places = tuple(place for place, line in enumerate(lines) if wanted.takes(line))
    if not places:
        return NOTHING
    listed = sum(price_of(line) for line in lines)
    ours = sum(price_of(lines[place]) for place in places)
    units = Ratio(_units([lines[place] for place in places]) * net, paid)
    if listed > goods:
        return Counting(places, Ratio(ours * goods * net, listed * paid), units)
    return Counting(places, Ratio(ours * net, paid), units)


def price_of(line: OrderLine) -> int:
    """What a line costs before any discount on the order; nothing where nobody said."""
    return line.quantity * (line.unit_minor or 0)


def _units(lines: Sequence[OrderLine]) -> int:
    return sum(line.quantity for line in lines)
