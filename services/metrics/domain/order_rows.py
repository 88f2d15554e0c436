"""An order as a row of the table `orders`, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from services.metrics.domain.orders import Order, Placing, Refund, Total

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


def order_row(order_id: str, order: Order) -> tuple[Any, ...]:
    """The order in the order of `ORDER_COLUMNS`."""
    if order.placing is None or order.total is None:
        facts: tuple[Any, ...] = (None,) * 8
    else:
        placing = order.placing
        facts = (placing.customer, placing.at, placing.event_id, placing.is_change, *order.total)
    return (order_id, *facts, _dump_refunds(order) if order.refunds else None, order.is_cancelled)


def order_of_row(row: Any) -> Order:
    """The inverse of `order_row`, given a row that was read."""
    refunds = {} if row.refunds is None else _load_refunds(row.refunds)
    if row.customer is None:
        return Order(None, None, refunds, row.is_cancelled)
    placing = Placing(row.placed_by_change, row.placed_at, row.placed_id, row.customer)
    total = Total(row.total_at, row.total_id, row.total_minor, row.currency)
    return Order(placing, total, refunds, row.is_cancelled)


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
