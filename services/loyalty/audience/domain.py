"""What rules may ask of a person, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.events.catalogue.touchpoints import OrderLine
from shared.events.orders import Content, Order, payments_back


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one person. Money is net of what went back, in minor units; cancelled orders never were.

    `tiers` gives the level held in each track, `tier_ranks` how high it is (1 is the lowest).
    """

    segments: frozenset[UUID] = frozenset()
    tiers: Mapping[str, str] = field(default_factory=dict)
    tier_ranks: Mapping[str, int] = field(default_factory=dict)
    orders_count: int = 0
    first_order_at: datetime | None = None
    last_order_at: datetime | None = None
    spend_minor: Mapping[str, int] = field(default_factory=dict)
    created_at: datetime | None = None


class KnownOrder(NamedTuple):
    """One order as rules see it: who placed it when, what was paid, how much of it was not paid back, what it holds.

    `told_at`: when we learnt of it first; None: at once.
    """

    order_id: str
    customer: UUID
    placed_at: datetime
    total_minor: int
    net_minor: int
    currency: str
    is_cancelled: bool = False
    source: str = ""
    coupon: str | None = None
    lines: tuple[OrderLine, ...] | None = None
    shipping_minor: int = 0
    tax_minor: int = 0
    told_at: datetime | None = None


class Move(NamedTuple):
    """Somebody entered or left a segment; of one key and segment the latest until an instant says where they are."""

    segment_id: UUID
    at: datetime
    is_entered: bool
    event_id: UUID


class KnownTouchpoint(NamedTuple):
    """A fact other than an order that rules ask for: a touchpoint, a referral, a birthday, an answer to a survey.

    `id` is its natural key within its kind; `name` says which one it is of its kind (the name of a touchpoint, the
    role in a referral, the survey). `told_at`: when we learnt of it; None: at once. `amounts`: its numbers that tier
    tracks ask for, by property.
    """

    kind: str
    id: str
    customer: UUID
    name: str
    at: datetime
    source: str = ""
    order_id: str | None = None
    told_at: datetime | None = None
    amounts: Mapping[str, str] = MappingProxyType({})


def net_minor(order: Order) -> int | None:
    """What was paid and did not go back; None: nobody said what was to be paid."""
    if order.total is None:
        return None
    if order.is_cancelled:
        return 0
    if not order.refunds:
        return order.total.minor
    return order.total.minor - sum(paid or 0 for _, paid in payments_back(order.refunds, order.total))


def known(order_id: str, order: Order, content: Content | None, told_at: datetime | None = None) -> KnownOrder | None:
    """The order as rules see it; None while nobody has placed it."""
    if order.placing is None or order.total is None:
        return None
    return KnownOrder(
        order_id,
        order.placing.customer,
        order.placing.at,
        order.total.minor,
        net_minor(order) or 0,
        order.total.currency,
        order.is_cancelled,
        *((content.source, content.coupon, content.lines) if content else ("", None, None)),
        *(((content.shipping_minor or 0), (content.tax_minor or 0)) if content else (0, 0)),
        told_at,
    )


def dump_content(content: Content | None) -> str | None:
    """The JSON text of what an order holds."""
    if content is None:
        return None
    lines = None
    if content.lines is not None:
        lines = [(each.product_id, each.sku, each.category, each.quantity, each.unit_minor) for each in content.lines]
    told = (content.event_id, content.source, content.coupon, lines, content.shipping_minor, content.tax_minor)
    return orjson.dumps(told, default=str).decode()


def load_content(document: Sequence[Any], at: datetime) -> Content:
    """The inverse of `dump_content`; `at` is kept in a column of its own."""
    event_id, source, coupon, lines, shipping, tax = document
    told = None if lines is None else tuple(OrderLine(*line) for line in lines)
    return Content(told is not None, at, UUID(event_id), source, coupon, told, shipping, tax)
