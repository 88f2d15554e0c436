"""All SQL of what customers did. Rows are written in ascending order of their keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.activity.domain import MAX_INSTANTS, EventCell, EventTotals, MoneyTotals, Tally, refunded_minor
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.errors import Retry
from shared.events.orders import ORDER_COLUMNS, Order, order_of_row, order_row

_ORDER_COLUMNS = {
    **{"customer_id" if name == "customer" else name: kind for name, kind in ORDER_COLUMNS.items()},
    "refunded_minor": "bigint",
}
_REPLACE_ORDER = ", ".join(f"{name} = EXCLUDED.{name}" for name in _ORDER_COLUMNS if name != "order_id")
MAX_EVENT_NAMES = 500


async def add_events(tx: WriteTx, cells: Mapping[EventCell, Tally]) -> None:
    """Add to what was counted; never twice for one event, the inbox sees to that."""
    await insert_rows(
        tx,
        "event_days",
        {
            "customer_id": "uuid",
            "name": "text",
            "day": "date",
            "count": "bigint",
            "first_at": "timestamptz",
            "last_at": "timestamptz",
            "instants": "timestamptz[]",
        },
        [
            (*cell, tally.count, tally.first_at, tally.last_at, _array(tally.instants))
            for cell, tally in sorted(cells.items(), key=_by_cell)
        ],
        f"""
        ON CONFLICT (customer_id, name, day) DO UPDATE SET count = event_days.count + EXCLUDED.count,
            first_at = LEAST(event_days.first_at, EXCLUDED.first_at),
            last_at = GREATEST(event_days.last_at, EXCLUDED.last_at),
            instants = ARRAY(
                SELECT at FROM unnest(event_days.instants || EXCLUDED.instants) AS moment (at)
                ORDER BY at DESC LIMIT {MAX_INSTANTS}
            )
        """,
    )


def _array(instants: Sequence[datetime]) -> str:
    return "{" + ",".join(each.isoformat() for each in instants) + "}"


def _by_cell(item: tuple[EventCell, Tally]) -> EventCell:
    return item[0]


async def lock_orders(tx: WriteTx, order_ids: Collection[str]) -> dict[str, Order]:
    """Those of the orders that are stored, locked until the transaction ends."""
    rows = await tx.execute(
        f"SELECT {', '.join(_ORDER_COLUMNS)} FROM orders WHERE order_id = ANY(CAST(:ids AS text[])) "
        "ORDER BY order_id FOR UPDATE",
        {"ids": list(order_ids)},
    )
    return {row.order_id: order_of_row(row) for row in rows}


async def add_orders(tx: WriteTx, orders: Mapping[str, Order]) -> None:
    """Store orders that were not there when those that are were locked.

    Raises:
        Retry: another transaction has stored one of them since.
    """
    rows = [_row_of(order_id, order) for order_id, order in sorted(orders.items())]
    added = await insert_rows(
        tx, "orders", _ORDER_COLUMNS, rows, "ON CONFLICT (order_id) DO NOTHING RETURNING true AS added"
    )
    if len(added) < len(rows):
        raise Retry("another worker stored one of these orders at the same time")


async def replace_orders(tx: WriteTx, orders: Mapping[str, Order]) -> None:
    """Store what is now known of orders that are locked."""
    rows = [_row_of(order_id, order) for order_id, order in sorted(orders.items())]
    await insert_rows(tx, "orders", _ORDER_COLUMNS, rows, f"ON CONFLICT (order_id) DO UPDATE SET {_REPLACE_ORDER}")


async def money_of(tx: ReadTx, keys: Collection[UUID]) -> list[MoneyTotals]:
    """The orders under these keys, per currency (index orders_customer)."""
    rows = await tx.execute(
        """
        SELECT currency, count(*) AS orders, CAST(sum(total_minor) AS bigint) AS gross_minor,
               CAST(sum(refunded_minor) AS bigint) AS refunds_minor,
               min(placed_at) AS first_order_at, max(placed_at) AS last_order_at
        FROM orders WHERE customer_id = ANY(:keys) AND NOT is_cancelled GROUP BY currency ORDER BY currency
        """,
        {"keys": list(keys)},
    )
    return [MoneyTotals._make(row) for row in rows]


async def events_of(tx: ReadTx, keys: Collection[UUID]) -> list[EventTotals]:
    """What was counted under these keys, by name; of names at most `MAX_EVENT_NAMES`, those seen last."""
    rows = await tx.execute(
        """
        SELECT * FROM (
            SELECT name, CAST(sum(count) AS bigint) AS times, min(first_at) AS first_at, max(last_at) AS last_at
            FROM event_days WHERE customer_id = ANY(:keys) GROUP BY name ORDER BY max(last_at) DESC, name LIMIT :most
        ) AS latest ORDER BY name
        """,
        {"keys": list(keys), "most": MAX_EVENT_NAMES},
    )
    return [EventTotals._make(row) for row in rows]


def _row_of(order_id: str, order: Order) -> tuple[Any, ...]:
    return (*order_row(order_id, order), refunded_minor(order))
