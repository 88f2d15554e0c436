"""SQL of dry runs: which lots an operation touches."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx


class Touched(NamedTuple):
    """A lot that an operation drew from (`points` below zero) or brought; of what it brought, less the debt it paid."""

    kind: str
    person_id: UUID
    lot_id: UUID
    is_new: bool
    points: int
    remaining: int
    earned_at: datetime
    active_at: datetime | None
    expires_on: date | None
    zone: str | None
    expires_at: datetime | None


async def touched(tx: ReadTx, operation: str) -> list[Touched]:
    """The lots that the transactions of an operation touched: those drawn from first, the earliest-ending first."""
    rows = await tx.execute(
        """
        WITH done AS (SELECT id, wallet_id, kind FROM transactions WHERE operation = :operation),
        moved AS (
            SELECT done.kind, a.lot_id, -a.points AS points, false AS is_new
            FROM done JOIN allocations AS a ON a.transaction_id = done.id
            UNION ALL
            SELECT done.kind, l.id, l.points, true
            FROM (SELECT DISTINCT wallet_id, kind FROM done) AS done
            JOIN lots AS l ON l.wallet_id = done.wallet_id AND l.source = :operation
        )
        SELECT m.kind, w.person_id, l.id, bool_or(m.is_new), CAST(sum(m.points) AS bigint), l.remaining, l.earned_at,
            l.active_at, l.expires_on, l.zone, l.expires_at
        FROM moved AS m JOIN lots AS l ON l.id = m.lot_id JOIN wallets AS w ON w.id = l.wallet_id
        GROUP BY m.kind, w.person_id, l.id ORDER BY bool_or(m.is_new), l.expires_at NULLS LAST, l.id, m.kind
        """,
        {"operation": operation},
    )
    return [Touched._make(row) for row in rows]
