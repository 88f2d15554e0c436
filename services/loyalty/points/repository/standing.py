"""SQL of what all members have together: counted now and then, for to add up all wallets takes long."""

from datetime import datetime
from typing import NamedTuple

from shared.db.engine import ReadTx, WriteTx


class Standing(NamedTuple):
    """Points of all members in a kind of wallet: `available`, `pending`, `held`, or the `debt` they owe."""

    wallet: str
    standing: str
    points: int
    counted_at: datetime


async def count(tx: WriteTx, now: datetime) -> None:
    """Count them anew."""
    await tx.execute("DELETE FROM points_standing")
    await tx.execute(
        """
        INSERT INTO points_standing (wallet, standing, points, counted_at)
        SELECT w.name, s.standing, sum(s.points), :now FROM wallets AS w CROSS JOIN LATERAL (VALUES
            ('available', w.available), ('pending', w.pending), ('held', w.held), ('debt', w.debt)
        ) AS s (standing, points) GROUP BY w.name, s.standing
        """,
        {"now": now},
    )


async def counted(tx: ReadTx) -> list[Standing]:
    """What was counted last."""
    rows = await tx.execute(
        "SELECT wallet, standing, points, counted_at FROM points_standing ORDER BY wallet, standing"
    )
    return [Standing._make(row) for row in rows]
