"""What came of the orders that vouchers or points were taken for: refunds, cancellations, and what was to be paid."""

from collections.abc import Collection

from shared.db.engine import ReadTx
from shared.db.orders import plain_orders

ORDERS = plain_orders("checkout_orders")


async def concerned(tx: ReadTx, order_ids: Collection[str]) -> set[str]:
    """Those of the orders that a reservation or a redemption is for."""
    rows = await tx.execute(
        "SELECT order_id FROM redemptions WHERE order_id = ANY(CAST(:ids AS text[])) "
        "UNION SELECT order_id FROM reservations WHERE order_id = ANY(CAST(:ids AS text[]))",
        {"ids": list(order_ids)},
    )
    return {row.order_id for row in rows}


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
