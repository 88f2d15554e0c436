"""The inbox and the offsets: what makes an effect happen exactly once per consumer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from shared.bus.base import Partition
from shared.db.engine import ReadTx, WriteTx

# Longer than the seven days for which a shop may send an event again, and than the raw topics are kept.
INBOX_DAYS = 9


_FURTHER = """
    UPDATE offsets SET next_offset = :next, recorded_at = coalesce(:recorded, recorded_at), changed_at = now()
    WHERE consumer = :consumer AND topic = :topic AND partition = :partition AND next_offset = :expected
"""
# Only the first step makes the row: when somebody removed it to begin anew, whoever is further on is fenced.
_FIRST = """
    INSERT INTO offsets (consumer, topic, partition, next_offset, recorded_at)
    VALUES (:consumer, :topic, :partition, :next, :recorded)
    ON CONFLICT (consumer, topic, partition) DO UPDATE
    SET next_offset = :next, recorded_at = coalesce(:recorded, offsets.recorded_at), changed_at = now()
    WHERE offsets.next_offset = :expected
"""


_INT = attrgetter("int")


class Fenced(Exception):
    """Another worker has moved this partition's offset: our batch must not commit."""


async def advance(
    tx: WriteTx,
    consumer: str,
    partition: Partition,
    *,
    expected: int,
    next_offset: int,
    recorded: datetime | None = None,
) -> None:
    """Move the stored offset from `expected` to `next_offset`, holding its row until commit.

    `recorded` is when the newest event passed over was learnt, for whoever says how far behind they are.

    Raises:
        Fenced: it is not `expected` any more.
    """
    moved = await tx.execute(
        _FIRST if expected == 0 else _FURTHER,
        {
            "consumer": consumer,
            "topic": partition.topic,
            "partition": partition.index,
            "expected": expected,
            "next": next_offset,
            "recorded": recorded,
        },
    )
    if moved.rowcount != 1:
        raise Fenced(f"{consumer} {partition.topic}/{partition.index} is no longer at {expected}")


async def stored_offsets(tx: ReadTx, consumer: str, partitions: Collection[Partition]) -> Mapping[Partition, int]:
    """Where the consumer is to read on, for each partition; 0 where it has never read."""
    stored = (await all_offsets(tx, [consumer]))[consumer]
    return {partition: stored.get(partition, 0) for partition in partitions}


async def all_offsets(tx: ReadTx, consumers: Sequence[str]) -> Mapping[str, Mapping[Partition, int]]:
    """Where each of the consumers is to read on, in the partitions that it has read."""
    rows = await tx.execute(
        "SELECT consumer, topic, partition, next_offset FROM offsets WHERE consumer = ANY(:consumers)",
        {"consumers": list(consumers)},
    )
    stored: dict[str, dict[Partition, int]] = {consumer: {} for consumer in consumers}
    for row in rows:
        stored[row.consumer][Partition(row.topic, row.partition)] = row.next_offset
    return stored


async def take_new(tx: WriteTx, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
    """Note the ids in the inbox; those that this consumer has not had before."""
    distinct = set(ids)
    new = await tx.execute(
        # Nearly always all are new, and then a NULL says so in place of as many rows.
        """
        WITH new AS (
            INSERT INTO inbox (consumer, event_id)
            SELECT :consumer, event_id FROM unnest(CAST(:ids AS uuid[])) AS t(event_id)
            ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id
        )
        SELECT CASE WHEN count(*) < :number THEN coalesce(array_agg(event_id), '{}') END FROM new
        """,
        {"consumer": consumer, "ids": sorted(distinct, key=_INT), "number": len(distinct)},
    )
    fewer: list[UUID] | None = new.scalar_one()
    return distinct if fewer is None else set(fewer)


async def forget_old(tx: WriteTx, *, older_than: timedelta = timedelta(days=INBOX_DAYS), most: int = 50_000) -> int:
    """Delete up to `most` inbox rows past their age; the number deleted."""
    result = await tx.execute(
        """
        DELETE FROM inbox WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM inbox WHERE received_at < now() - make_interval(secs => :age) LIMIT :most
        ))
        """,
        {"age": older_than.total_seconds(), "most": most},
    )
    return result.rowcount
