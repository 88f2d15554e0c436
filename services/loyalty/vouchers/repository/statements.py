"""SQL of statements of gift cards: what came on a card, what was paid with it, what came back."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class Movement(NamedTuple):
    """A change of what is on a card; `amount_minor` is negative where it paid."""

    kind: Literal["issued", "top_up", "paid", "returned"]
    id: UUID
    amount_minor: int
    at: datetime
    reference: str | None


async def add_load(
    tx: WriteTx, load: UUID, code: UUID, amount: int, *, now: datetime, by: str, why: str | None
) -> None:
    """Note that money was put on a card."""
    await tx.execute(
        "INSERT INTO code_loads (id, code_id, amount_minor, loaded_at, loaded_by, reference) "
        "VALUES (:id, :code, :amount, :now, :by, :why)",
        {"id": load, "code": code, "amount": amount, "now": now, "by": by, "why": why},
    )


async def movements(tx: ReadTx, campaign: UUID, code: UUID) -> list[Movement]:
    """All that moved on a card since it was issued, in the order of time. Reads all redemptions of its campaign."""
    rows = await tx.execute(
        """
        WITH paid AS (
            SELECT v.redemption_id, v.position, v.discount_minor, v.order_id, r.created_at
            FROM redemption_vouchers AS v JOIN redemptions AS r ON r.id = v.redemption_id
            WHERE v.campaign_id = :campaign AND v.voucher_id = :code
        )
        SELECT 'top_up' AS kind, id, amount_minor, loaded_at AS at, reference FROM code_loads WHERE code_id = :code
        UNION ALL
        SELECT 'paid', redemption_id, -discount_minor, created_at, order_id FROM paid
        UNION ALL
        SELECT 'returned', b.id, (SELECT sum(CAST(share AS bigint)) FROM jsonb_array_elements_text(part -> 1) AS share)
               ::bigint, b.created_at, paid.order_id
        FROM paid JOIN rollbacks AS b ON b.redemption_id = paid.redemption_id
        CROSS JOIN LATERAL jsonb_array_elements(b.parts) AS part
        WHERE CAST(part ->> 0 AS integer) = paid.position
        ORDER BY at, id
        """,
        {"campaign": campaign, "code": code},
    )
    return [Movement._make(row) for row in rows]
