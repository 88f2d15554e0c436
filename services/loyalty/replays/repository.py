"""All SQL of replays: what the last comparison found."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.db.engine import ReadTx, WriteTx


class Drift(NamedTuple):
    """What a table has, what the facts make of it, and how many rows at least only one of the two has."""

    name: str
    live_rows: int
    rebuilt_rows: int
    differing: int
    checked_at: datetime


async def keep(tx: WriteTx, found: Sequence[Drift]) -> None:
    """Replace what was found before."""
    await tx.execute("DELETE FROM replay_findings")
    for each in found:
        await tx.execute(
            "INSERT INTO replay_findings (name, live_rows, rebuilt_rows, differing, checked_at) "
            "VALUES (:name, :live_rows, :rebuilt_rows, :differing, :checked_at)",
            each._asdict(),
        )


async def found(tx: ReadTx) -> list[Drift]:
    """What the last comparison found; nothing before the first."""
    rows = await tx.execute(
        "SELECT name, live_rows, rebuilt_rows, differing, checked_at FROM replay_findings ORDER BY name"
    )
    return [Drift._make(row) for row in rows]
