"""All SQL of the freshness."""

from collections.abc import Collection
from datetime import datetime

from shared.bus.base import Partition
from shared.db.engine import ReadTx, WriteTx


async def note_applied(tx: WriteTx, consumer: str, recorded_at: datetime) -> None:
    """Note up to when the facts of the partition at hand were learnt.

    It is the one whose offset the runner moved in this transaction, at the transaction's `now()`; for a dead letter
    that is tried again there is none.
    """
    await tx.execute(
        """
        INSERT INTO applied (consumer, topic, partition, recorded_at)
        SELECT consumer, topic, partition, :recorded_at FROM offsets
        WHERE consumer = :consumer AND changed_at = now()
        ON CONFLICT (consumer, topic, partition) DO UPDATE SET recorded_at = EXCLUDED.recorded_at
        """,
        {"consumer": consumer, "recorded_at": recorded_at},
    )


async def positions(tx: ReadTx, groups: Collection[str]) -> dict[tuple[str, Partition], tuple[int, datetime | None]]:
    """Per consumer and partition: the next offset to read, and when the newest applied fact was learnt."""
    rows = await tx.execute(
        """
        SELECT consumer, topic, partition, next_offset, recorded_at
        FROM offsets LEFT JOIN applied USING (consumer, topic, partition)
        WHERE consumer = ANY(CAST(:groups AS text[]))
        """,
        {"groups": list(groups)},
    )
    return {(row.consumer, Partition(row.topic, row.partition)): (row.next_offset, row.recorded_at) for row in rows}
