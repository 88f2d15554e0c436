"""What is known of an order: facts folded by order id, the same in whatever order and however often they come.

The folding rules, each a minimum, a maximum or a union, so that they commute and repeat without effect:

* An order is placed at the earliest time an `OrderPlaced` gives (an `OrderChanged`, while there is none), by the
  customer that fact names.
* Its total is the one of the latest fact that states one.
* Of several refunds with one id the latest holds. Refunds count in the order of their times, each up to what is left.
* A cancelled order stays cancelled, and never was.
* What it holds (`Content`, for those who ask) is what the latest fact that states lines says; the latest of all
  where none does.

Every consumer of these facts reads them by this one rule, so that no two services disagree about money.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.errors import Poison
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderLine, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.money import EXPONENTS, MAX_MINOR

OrderFact = OrderPlaced | OrderChanged | OrderRefunded | OrderCancelled

# What a service stores of an order; it may name a column otherwise, or add some behind these.
ORDER_COLUMNS = {
    "order_id": "text",
    "customer": "uuid",
    "placed_at": "timestamptz",
    "placed_id": "uuid",
    "placed_by_change": "boolean",
    "total_at": "timestamptz",
    "total_id": "uuid",
    "total_minor": "bigint",
    "currency": "text",
    "refunds": "jsonb",
    "is_cancelled": "boolean",
}


class Placing(NamedTuple):
    """The fact that places an order; the smallest one holds."""

    is_change: bool
    at: datetime
    event_id: UUID
    customer: UUID


class Total(NamedTuple):
    """The fact that states a total; the greatest one holds."""

    at: datetime
    event_id: UUID
    minor: int
    currency: str


class Refund(NamedTuple):
    """The fact about a refund; `minor` None is all that is left, `currency` None that of the order."""

    at: datetime
    event_id: UUID
    minor: int | None
    currency: str | None


class Order(NamedTuple):
    """All that is known of one order. Refunds and cancellations may be known before the order is."""

    placing: Placing | None
    total: Total | None
    refunds: Mapping[str, Refund]
    is_cancelled: bool

    @property
    def customer_id(self) -> UUID | None:
        """Who placed it, as far as is known."""
        return None if self.placing is None else self.placing.customer


class Content(NamedTuple):
    """The fact that says what an order holds; the greatest one holds. `lines` None: nobody said."""

    has_lines: bool
    at: datetime
    event_id: UUID
    source: str
    coupon: str | None
    lines: tuple[OrderLine, ...] | None
    shipping_minor: int | None
    tax_minor: int | None


UNKNOWN = Order(None, None, {}, is_cancelled=False)


def with_fact(order: Order, event: Event[OrderFact]) -> Order:
    """The order as known after one more fact.

    Raises:
        Poison: an amount or a currency that cannot be money.
    """
    fact = event.data
    # By type: pydantic takes as long to say what a fact is no instance of as all the rest.
    if type(fact) is OrderPlaced or type(fact) is OrderChanged:
        _check(fact.total_minor, fact.currency)
        placing = Placing(type(fact) is OrderChanged, event.time, event.id, event.subject)
        total = Total(event.time, event.id, fact.total_minor, fact.currency)
        if order is UNKNOWN:
            return Order(placing, total, UNKNOWN.refunds, is_cancelled=False)
        return Order(
            placing if order.placing is None else min(order.placing, placing),
            total if order.total is None else max(order.total, total),
            order.refunds,
            order.is_cancelled,
        )
    if type(fact) is OrderRefunded:
        _check(fact.amount_minor, fact.currency)
        refund = Refund(event.time, event.id, fact.amount_minor, fact.currency)
        known = order.refunds.get(fact.refund_id)
        if known is not None and known[:2] >= refund[:2]:
            return order
        return Order(order.placing, order.total, {**order.refunds, fact.refund_id: refund}, order.is_cancelled)
    return Order(order.placing, order.total, order.refunds, is_cancelled=True)


def with_content(content: Content | None, event: Event[OrderFact]) -> Content | None:
    """What the order holds, as known after one more fact. Who asks for totals only need not keep it."""
    fact = event.data
    if not isinstance(fact, OrderPlaced | OrderChanged):
        return content
    said = Content(
        fact.lines is not None,
        event.time,
        event.id,
        fact.source,
        fact.coupon if isinstance(fact, OrderPlaced) else None,
        fact.lines,
        fact.shipping_minor,
        fact.tax_minor,
    )
    # Up to the id of the event: two of one id say the same.
    return said if content is None or content[:3] < said[:3] else content


def _check(minor: int | None, currency: str | None) -> None:
    if minor is not None and not 0 <= minor <= MAX_MINOR:
        raise Poison("the amount is negative or too large to be money")
    if currency is not None and currency not in EXPONENTS:
        raise Poison("the currency is no ISO 4217 code")


def payments_back(refunds: Mapping[str, Refund], total: Total) -> Iterator[tuple[Refund, int | None]]:
    """Each refund with the minor units it takes off the total; None: it is in another currency, and moves nothing."""
    left = total.minor
    for _, refund in sorted(refunds.items(), key=lambda item: (item[1].at, item[1].event_id, item[0])):
        if refund.currency not in (None, total.currency):
            yield refund, None
            continue
        paid = left if refund.minor is None else min(refund.minor, left)
        left -= paid
        yield refund, paid


def order_row(order_id: str, order: Order) -> tuple[Any, ...]:
    """The order in the order of `ORDER_COLUMNS`."""
    if order.placing is None or order.total is None:
        facts: tuple[Any, ...] = (None,) * 8
    else:
        placing = order.placing
        facts = (placing.customer, placing.at, placing.event_id, placing.is_change, *order.total)
    return (order_id, *facts, _dump_refunds(order) if order.refunds else None, order.is_cancelled)


def order_of_row(row: Any) -> Order:
    """The inverse of `order_row`, given a row that was read; columns behind these are passed over."""
    _, customer, placed_at, placed_id, by_change, *total, refunds, is_cancelled = row[: len(ORDER_COLUMNS)]
    known = {} if refunds is None else _load_refunds(refunds)
    if customer is None:
        return Order(None, None, known, is_cancelled)
    return Order(Placing(by_change, placed_at, placed_id, customer), Total(*total), known, is_cancelled)


def _dump_refunds(order: Order) -> str:
    # In UTC: one moment has one text, so that a rebuilt table equals the live one.
    document = {
        refund_id: (each.at.astimezone(UTC), each.event_id, each.minor, each.currency)
        for refund_id, each in order.refunds.items()
    }
    return orjson.dumps(document, default=str).decode()


def _load_refunds(document: Mapping[str, Any]) -> dict[str, Refund]:
    return {
        refund_id: Refund(datetime.fromisoformat(at), UUID(event_id), minor, currency)
        for refund_id, (at, event_id, minor, currency) in document.items()
    }
