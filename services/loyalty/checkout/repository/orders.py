"""What came of the orders that vouchers or points were taken for: refunds, cancellations, and what was to be paid."""

from collections.abc import Collection, Mapping

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.errors import Retry
from shared.events.orders import ORDER_COLUMNS, Order, order_of_row, order_row

_ORDER = f"SELECT {', '.join(ORDER_COLUMNS)} FROM checkout_orders "
_REPLACE = ", ".join(f"{name} = EXCLUDED.{name}" for name in ORDER_COLUMNS if name != "order_id")


async def lock(tx: WriteTx, order_ids: Collection[str]) -> dict[str, Order]:
    """Those of the orders that are stored, locked until the transaction ends."""
    rows = await tx.execute(
        _ORDER + "WHERE order_id = ANY(CAST(:ids AS text[])) ORDER BY order_id FOR UPDATE", {"ids": list(order_ids)}
    )
    return {row.order_id: order_of_row(row) for row in rows}


async def find(tx: ReadTx, order_ids: Collection[str]) -> dict[str, Order]:
    """Those of the orders that are stored."""
    rows = await tx.execute(_ORDER + "WHERE order_id = ANY(CAST(:ids AS text[]))", {"ids": list(order_ids)})
    return {row.order_id: order_of_row(row) for row in rows}


async def concerned(tx: ReadTx, order_ids: Collection[str]) -> set[str]:
    """Those of the orders that a reservation or a redemption is for."""
    rows = await tx.execute(
        "SELECT order_id FROM redemptions WHERE order_id = ANY(CAST(:ids AS text[])) "
        "UNION SELECT order_id FROM reservations WHERE order_id = ANY(CAST(:ids AS text[]))",
        {"ids": list(order_ids)},
    )
    return {row.order_id for row in rows}


async def add(tx: WriteTx, orders: Mapping[str, Order]) -> None:
    """Store orders that were not there when those that are were locked.

    Raises:
        Retry: another worker has stored one of them since.
    """
    tail = "ON CONFLICT (order_id) DO NOTHING RETURNING true AS added"
    if len(await insert_rows(tx, "checkout_orders", ORDER_COLUMNS, _rows(orders), tail)) < len(orders):
        raise Retry("another worker stored one of these orders at the same time")


async def replace(tx: WriteTx, orders: Mapping[str, Order]) -> None:
    """Store what is now known of orders that are locked."""
    tail = f"ON CONFLICT (order_id) DO UPDATE SET {_REPLACE}"
    await insert_rows(tx, "checkout_orders", ORDER_COLUMNS, _rows(orders), tail)


def _rows(orders: Mapping[str, Order]) -> list[tuple[object, ...]]:
    return [order_row(order_id, order) for order_id, order in sorted(orders.items())]


async def unsettled(tx: ReadTx, *, limit: int) -> list[str]:
    """Orders that were refunded or cancelled before what was redeemed for them stood, and may still owe a roll-back.

    An order that comes back while its redemption is being written is seen by neither; this finds it.
    """
    rows = await tx.execute(
        """
        SELECT DISTINCT o.order_id FROM redemptions AS r JOIN checkout_orders AS o ON o.order_id = r.order_id
        WHERE r.created_at > clock_timestamp() - interval '1 hour' AND (o.is_cancelled OR o.refunds IS NOT NULL)
        ORDER BY 1 LIMIT :limit
        """,
        {"limit": limit},
    )
    return [row.order_id for row in rows]
