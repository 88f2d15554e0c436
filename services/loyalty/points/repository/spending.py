"""What stands of what somebody spent since a moment."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from shared.db.engine import ReadTx


async def spent_since(tx: ReadTx, keys: Collection[UUID], wallet: str, moments: Sequence[datetime]) -> list[int]:
    """How many points of a wallet these raw keys spent, or have set apart, since each of these moments.

    What came back is taken off where it was spent, whenever it came back.
    """
    rows = await tx.execute(
        """
        WITH taken AS (
            SELECT t.recorded_at, sum(a.points) AS points
            FROM wallets AS w JOIN transactions AS t ON t.wallet_id = w.id JOIN allocations AS a ON a.of_id = t.id
            WHERE w.person_id = ANY(:keys) AND w.name = :wallet AND t.kind IN ('spent', 'held')
                AND t.recorded_at >= :first
            GROUP BY t.id
        )
        SELECT CAST(coalesce(sum(taken.points), 0) AS bigint) AS points
        FROM unnest(CAST(:moments AS timestamptz[])) WITH ORDINALITY AS m (at, place)
        LEFT JOIN taken ON taken.recorded_at >= m.at GROUP BY m.place ORDER BY m.place
        """,
        {"keys": list(keys), "wallet": wallet, "moments": list(moments), "first": min(moments)},
    )
    return [row.points for row in rows]
