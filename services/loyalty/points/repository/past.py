"""SQL of past moments: the lots and lines that say what a person had then."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.loyalty.points.domain.moves import OVER_LIMIT
from services.loyalty.points.domain.past import PastLine, PastLot
from shared.db.engine import ReadTx


async def lots_at(tx: ReadTx, keys: Collection[UUID], at: datetime) -> dict[str, list[PastLot]]:
    """The lots of these raw keys that had been earned by a moment and had not ended, by wallet."""
    rows = await tx.execute(
        "SELECT w.name, l.id, l.points, l.earned_at, l.active_at, l.expires_at FROM wallets AS w "
        "JOIN lots AS l ON l.wallet_id = w.id WHERE w.person_id = ANY(:keys) AND l.earned_at <= :at "
        "AND (l.expires_at IS NULL OR l.expires_at > :at)",
        {"keys": list(keys), "at": at},
    )
    found: dict[str, list[PastLot]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(PastLot._make(row[1:]))
    return found


async def lines_to(tx: ReadTx, keys: Collection[UUID], at: datetime) -> dict[str, list[PastLine]]:
    """The lines that say what the wallets of these raw keys had at a moment, by wallet, in the order of the ledger.

    Of debt all lines: what came late may have repaid, by then, what was owed only later.
    """
    rows = await tx.execute(
        """
        SELECT w.name, t.wallet_id, t.version, t.reason, t.occurred_at, t.held, t.debt, l.id, l.active_at,
            coalesce(a.points, 0), coalesce(t.debt < 0 AND a.of_id = t.id, false)
        FROM wallets AS w JOIN transactions AS t ON t.wallet_id = w.id
        LEFT JOIN allocations AS a ON a.transaction_id = t.id LEFT JOIN lots AS l ON l.id = a.lot_id
        WHERE w.person_id = ANY(:keys) AND (t.occurred_at <= :at OR t.debt <> 0 OR t.reason = :over)
            AND (t.held <> 0 OR t.debt <> 0 OR a.lot_id IS NOT NULL)
        ORDER BY t.wallet_id, t.version, l.expires_at NULLS LAST, l.id
        """,
        {"keys": list(keys), "at": at, "over": OVER_LIMIT},
    )
    found: dict[str, list[PastLine]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(PastLine._make(row[1:]))
    return found
