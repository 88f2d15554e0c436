"""Stores the records of all calls that wait for a topic in one statement, with dense offsets."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from shared.bus.base import BusUnavailable, Headers, OutRecord, Partition, partition_of
from shared.bus.group_commit import GroupCommit, Waiting
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.heads import Heads
from shared.bus.postgres.tail import Tail

# Of one row. A reader takes whole rows, whatever it asked for.
RUN_RECORDS = 250
RUN_BYTES = 256_000

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
        INSERT INTO {table} (partition, last_offset, records, bytes, ts, keys, "values", headers)
        SELECT m.partition, m.base + r.before + r.upper - r.lower, r.upper - r.lower + 1, r.bytes, m.ts,
               ($8::bytea[])[r.lower:r.upper], ($9::bytea[])[r.lower:r.upper], ($10::bytea[])[r.lower:r.upper]
        FROM unnest($4::int[], $5::int[], $6::int[], $7::int[], $11::int[]) AS r(partition, before, lower, upper, bytes)
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


class _Run(NamedTuple):
    """Records for one row: how many of their partition come before, the places of the first and the last (from 1)."""

    partition: int
    before: int
    lower: int
    upper: int
    bytes: int


def _runs(by_partition: Mapping[int, Sequence[OutRecord]]) -> list[_Run]:
    runs: list[_Run] = []
    place = 1
    for partition, records in by_partition.items():
        began = lower = place
        size = 0
        for record in records:
            if place > lower and (place - lower == RUN_RECORDS or size + len(record.value) > RUN_BYTES):
                runs.append(_Run(partition, lower - began, lower, place - 1, size))
                lower, size = place, 0
            size += len(record.value)
            place += 1
        runs.append(_Run(partition, lower - began, lower, place - 1, size))
    return runs


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
        ordered = [record for records in by_partition.values() for record in records]
        runs = _runs(by_partition)
        async with self._connections.use(self._seconds) as connection:
            moved = await connection.fetch(
                self._statement,
                self._topic,
                list(by_partition),
                [len(records) for records in by_partition.values()],
                [run.partition for run in runs],
                [run.before for run in runs],
                [run.lower for run in runs],
                [run.upper for run in runs],
                [record.key for record in ordered],
                [record.value for record in ordered],
                [pack_headers(record.headers) if record.headers else None for record in ordered]
                if any(record.headers for record in ordered)
                else None,
                [run.bytes for run in runs],
            )
        if len(moved) != len(by_partition):
            raise BusUnavailable(f"the topic {self._topic!r} lost its partitions")
        for index, base, at in moved:
            self._tail.remember(Partition(self._topic, index), base, by_partition[index], at)
        self._heads.note({Partition(self._topic, index): base + len(by_partition[index]) for index, base, _ in moved})
