"""Which ends members are told of before they come, once for each."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import WriteTx


class Notice(NamedTuple):
    """Points of a raw key that end soon."""

    wallet_id: UUID
    person_id: UUID
    points: int
    expires_at: datetime
    version: int


async def note(tx: WriteTx, wallet: str, days: int, *, now: datetime, until: datetime, limit: int) -> Sequence[Notice]:
    """Note ends of a wallet from now until then that nobody was told of with so many days; those that were noted."""
    rows = await tx.execute(
        """
        WITH ending AS (
            SELECT w.id, w.person_id, w.version, l.expires_at, CAST(sum(l.remaining) AS bigint) AS points
            FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id
            WHERE l.remaining > 0 AND l.expires_at > :now AND l.expires_at <= :until AND w.name = :wallet
                AND NOT EXISTS (
                    SELECT FROM expiry_notices AS told
                    WHERE told.wallet_id = w.id AND told.expires_at = l.expires_at AND told.days = :days
                )
            GROUP BY w.id, w.person_id, w.version, l.expires_at ORDER BY l.expires_at, w.id LIMIT :limit
        ), told AS (
            INSERT INTO expiry_notices (wallet_id, expires_at, days) SELECT id, expires_at, :days FROM ending
            ON CONFLICT DO NOTHING RETURNING wallet_id, expires_at
        )
        SELECT ending.id, ending.person_id, ending.points, ending.expires_at, ending.version
        FROM told JOIN ending ON ending.id = told.wallet_id AND ending.expires_at = told.expires_at
        ORDER BY ending.expires_at, ending.person_id
        """,
        {"wallet": wallet, "days": days, "now": now, "until": until, "limit": limit},
    )
    return [Notice._make(row) for row in rows]
