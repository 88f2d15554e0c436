"""Stores the records of all calls that wait for a topic in one statement, with dense offsets."""

from collections.abc import Sequence

import orjson

from shared.bus.base import BusUnavailable, Headers, OutRecord, Partition, partition_of
from shared.bus.group_commit import GroupCommit, Waiting
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.heads import Heads
from shared.bus.postgres.tail import Tail

# The ends are locked in the order of partitions, so two processes never wait for each other in a circle; the locks are
# held until commit, so a reader that sees an offset sees all smaller ones.
_APPEND = """
    WITH counts AS (
        SELECT partition, n FROM unnest($2::int[], $3::int[]) AS c(partition, n)
    ), locked AS (
        SELECT h.partition, h.next_offset FROM heads h
        WHERE h.topic = $1 AND h.partition = ANY($2::int[]) ORDER BY h.partition FOR UPDATE
    ), moved AS (
        UPDATE heads h SET next_offset = l.next_offset + c.n
        FROM locked l JOIN counts c USING (partition)
        WHERE h.topic = $1 AND h.partition = l.partition
        RETURNING h.partition, l.next_offset AS base, clock_timestamp() AS ts
    ), stored AS (
        INSERT INTO {table} (partition, "offset", key, value, headers, ts)
        SELECT m.partition, m.base + r.index, r.key, r.value, r.headers, m.ts
        FROM unnest($4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::bytea[])
             AS r(partition, index, key, value, headers)
        JOIN moved m USING (partition)
    )
    SELECT partition, base, ts FROM moved
"""


def pack_headers(headers: Headers) -> bytes:
    """Headers as JSON, values as latin-1, which keeps every byte."""
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers])


def unpack_headers(packed: bytes) -> Headers:
    """The inverse of `pack_headers`."""
    return tuple((name, value.encode("latin-1")) for name, value in orjson.loads(packed))


class TopicWriter:
    """Appends to one topic; its `queue` takes the calls."""

    def __init__(
        self,
        topic: str,
        table: str,
        partitions: int,
        *,
        connections: Connections,
        heads: Heads,
        tail: Tail,
        waiting: Waiting,
        seconds: float,
    ) -> None:
        self._topic = topic
        self._statement = _APPEND.format(table=table)
        self._partitions = partitions
        self._connections = connections
        self._heads = heads
        self._tail = tail
        self._seconds = seconds
        self.queue = GroupCommit(topic, self.write, waiting, patience_seconds=seconds / 2)

    async def write(self, calls: Sequence[Sequence[OutRecord]]) -> None:
        """Store the records of all calls in one statement."""
        by_partition: dict[int, list[OutRecord]] = {}
        for records in calls:
            for record in records:
                by_partition.setdefault(partition_of(record.key, self._partitions), []).append(record)
        partitions: list[int] = []
        indexes: list[int] = []
        ordered: list[OutRecord] = []
        for partition, records in by_partition.items():
            partitions.extend([partition] * len(records))
            indexes.extend(range(len(records)))
            ordered.extend(records)
        async with self._connections.use(self._seconds) as connection:
            moved = await connection.fetch(
                self._statement,
                self._topic,
                list(by_partition),
                [len(records) for records in by_partition.values()],
                partitions,
                indexes,
                [record.key for record in ordered],
                [record.value for record in ordered],
                [pack_headers(record.headers) if record.headers else None for record in ordered],
            )
        if len(moved) != len(by_partition):
            raise BusUnavailable(f"the topic {self._topic!r} lost its partitions")
        for index, base, at in moved:
            self._tail.remember(Partition(self._topic, index), base, by_partition[index], at)
        self._heads.note({Partition(self._topic, index): base + len(by_partition[index]) for index, base, _ in moved})
