"""All SQL of tiers."""

from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx


class Held(NamedTuple):
    """The level a person holds in a track; `rank` counts from 1, the lowest."""

    track: str
    level: str
    rank: int


async def held(tx: ReadTx, root: UUID) -> list[Held]:
    """The levels a person holds now."""
    rows = await tx.execute(
        "SELECT track, level, rank FROM tier_states WHERE person = :root AND level IS NOT NULL", {"root": root}
    )
    return [Held._make(row) for row in rows]
