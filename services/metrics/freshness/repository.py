"""All SQL of the freshness."""

from collections.abc import Collection
from datetime import datetime

from shared.bus.base import Partition
from shared.db.engine import ReadTx


async def positions(tx: ReadTx, groups: Collection[str]) -> dict[tuple[str, Partition], tuple[int, datetime | None]]:
    """Per consumer and partition: the next offset to read, and when the newest applied fact was learnt."""
    rows = await tx.execute(
        """
        SELECT consumer, topic, partition, next_offset, recorded_at FROM offsets
        WHERE consumer = ANY(CAST(:groups AS text[]))
        """,
        {"groups": list(groups)},
    )
    return {(row.consumer, Partition(row.topic, row.partition)): (row.next_offset, row.recorded_at) for row in rows}
