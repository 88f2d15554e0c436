"""Stores the records of all calls that wait for a topic in one statement, with dense offsets."""

from collections.abc import Sequence

import orjson

from shared.bus.base import BusUnavailable, Headers, OutRecord, Partition, partition_of
from shared.bus.group_commit import GroupCommit, Waiting
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.heads import Heads

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
        RETURNING h.partition, l.next_offset AS base, h.next_offset AS ending
    ), stored AS (
        INSERT INTO {table} (partition, "offset", key, value, headers)
        SELECT m.partition, m.base + r.index, r.key, r.value, r.headers
        FROM unnest($4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::bytea[])
             AS r(partition, index, key, value, headers)
        JOIN moved m USING (partition)
    )
    SELECT partition, ending FROM moved
"""


def pack_headers(headers: Headers) -> bytes | None:
    """Headers as JSON, values as latin-1, which keeps every byte; none are NULL."""
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers]) if headers else None


def unpack_headers(packed: bytes | None) -> Headers:
    """The inverse of `pack_headers`."""
    if packed is None:
        return ()
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
        waiting: Waiting,
        seconds: float,
    ) -> None:
        self._topic = topic
        self._statement = _APPEND.format(table=table)
        self._partitions = partitions
        self._connections = connections
        self._heads = heads
        self._seconds = seconds
        self.queue = GroupCommit(topic, self.write, waiting)

    async def write(self, calls: Sequence[Sequence[OutRecord]]) -> None:
        """Store the records of all calls in one statement."""
        counts: dict[int, int] = {}
        partitions: list[int] = []
        indexes: list[int] = []
        keys: list[bytes] = []
        values: list[bytes] = []
        headers: list[bytes | None] = []
        for records in calls:
            for _, key, value, header in records:
                partition = partition_of(key, self._partitions)
                index = counts.get(partition, 0)
                counts[partition] = index + 1
                partitions.append(partition)
                indexes.append(index)
                keys.append(key)
                values.append(value)
                headers.append(pack_headers(header))
        async with self._connections.use(self._seconds) as connection:
            ends = await connection.fetch(
                self._statement,
                self._topic,
                list(counts),
                list(counts.values()),
                partitions,
                indexes,
                keys,
                values,
                headers,
            )
        if len(ends) != len(counts):
            raise BusUnavailable(f"the topic {self._topic!r} lost its partitions")
        self._heads.note({Partition(self._topic, index): end for index, end in ends})
