"""Group commit: while one statement is on its way, the calls that come in wait together for the next one.

One writer per topic, one statement in flight: so records keep the order in which `append` was called.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import orjson

from shared.bus.base import BusUnavailable, Headers, OutRecord, Partition, partition_of
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.heads import Heads
from shared.observability import metrics

FLUSH_SECONDS = 8.0
MAX_FLUSH_RECORDS = 5_000
MAX_FLUSH_BYTES = 8_000_000

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


@dataclass(slots=True)
class _Call:
    """What one `append` wants of this topic, and who waits for it."""

    records: Sequence[OutRecord]
    size: int
    done: asyncio.Future[None]


class Waiting:
    """The bytes of a bus that wait to be written, under one limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0

    def take(self, size: int) -> None:
        """Count `size` in.

        Raises:
            BusUnavailable: too much waits already; nothing was stored.
        """
        # A call of any size goes in when nothing waits.
        if self.bytes and self.bytes + size > self.limit:
            raise BusUnavailable(f"{self.bytes} bytes wait to be written already")
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Count `size` out."""
        self.bytes -= size


class TopicWriter:
    """Appends to one topic."""

    def __init__(
        self, topic: str, table: str, partitions: int, *, connections: Connections, heads: Heads, waiting: Waiting
    ) -> None:
        self._topic = topic
        self._statement = _APPEND.format(table=table)
        self._partitions = partitions
        self._connections = connections
        self._heads = heads
        self._waiting = waiting
        self._queue: deque[_Call] = deque()
        self._flusher: asyncio.Task[None] | None = None

    def enqueue(self, records: Sequence[OutRecord], size: int) -> asyncio.Future[None]:
        """Have the records written; the future ends when they are durable."""
        self._waiting.take(size)
        call = _Call(records, size, asyncio.get_running_loop().create_future())
        self._queue.append(call)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_all(), name=f"bus.append.{self._topic}")
        return call.done

    async def stop(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`; then give up."""
        flusher = self._flusher
        if flusher is None:
            return
        done, _ = await asyncio.wait({flusher}, timeout=seconds)
        if not done:
            flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flusher

    async def _flush_all(self) -> None:
        try:
            while self._queue:
                calls = self._take()
                if calls:
                    await self._flush(calls)
        finally:
            self._flusher = None
            self._settle(self._take_rest(), BusUnavailable("the bus was stopped"))

    def _take(self) -> list[_Call]:
        calls: list[_Call] = []
        number = size = 0
        while self._queue and number < MAX_FLUSH_RECORDS and size < MAX_FLUSH_BYTES:
            call = self._queue.popleft()
            if call.done.done():
                self._waiting.give_back(call.size)
                continue
            calls.append(call)
            number += len(call.records)
            size += call.size
        return calls

    def _take_rest(self) -> list[_Call]:
        rest = list(self._queue)
        self._queue.clear()
        return rest

    async def _flush(self, calls: list[_Call]) -> None:
        started = monotonic()
        try:
            number = await self._write(calls)
        except BusUnavailable as error:
            self._settle(calls, error)
        except BaseException:
            self._settle(calls, BusUnavailable("the write was given up"))
            raise
        else:
            metrics.BUS_APPENDED.labels(self._topic).inc(number)
            metrics.BUS_APPEND_SECONDS.observe(monotonic() - started)
            self._settle(calls, None)

    def _settle(self, calls: Sequence[_Call], error: BusUnavailable | None) -> None:
        for call in calls:
            self._waiting.give_back(call.size)
            if call.done.done():
                continue
            if error is None:
                call.done.set_result(None)
            else:
                call.done.set_exception(error)

    async def _write(self, calls: Sequence[_Call]) -> int:
        counts: dict[int, int] = {}
        partitions: list[int] = []
        indexes: list[int] = []
        keys: list[bytes] = []
        values: list[bytes] = []
        headers: list[bytes | None] = []
        for call in calls:
            for _, key, value, header in call.records:
                partition = partition_of(key, self._partitions)
                index = counts.get(partition, 0)
                counts[partition] = index + 1
                partitions.append(partition)
                indexes.append(index)
                keys.append(key)
                values.append(value)
                headers.append(pack_headers(header))
        async with self._connections.use(FLUSH_SECONDS) as connection:
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
        return len(keys)
