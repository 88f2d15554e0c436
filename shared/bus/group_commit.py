"""Group commit: while one write is on its way, the calls that come in wait together for the next one.

One write is in flight per queue, so records keep the order in which `append` was called. Nothing runs while nothing
waits. Both drivers stand on this; what a write is, is theirs.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from shared.bus.base import BusUnavailable, OutRecord
from shared.observability import metrics

MAX_GROUP_RECORDS = 5_000
MAX_GROUP_BYTES = 8_000_000

# Makes the records of all these calls durable, in order; raises BusUnavailable when the outcome is unknown.
Write = Callable[[Sequence[Sequence[OutRecord]]], Awaitable[None]]


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


@dataclass(slots=True)
class _Call:
    """What one `append` wants written here, and who waits for it."""

    records: Sequence[OutRecord]
    size: int
    done: asyncio.Future[None]
    since: float


class GroupCommit:
    """The queue before one `write`, which ends within a deadline of its own.

    A call that has waited for `patience_seconds` when the write before it fails, fails with it. So a call takes at
    most this and the time of one write, and needs no timer.
    """

    def __init__(self, topic: str, write: Write, waiting: Waiting, *, patience_seconds: float) -> None:
        self._topic = topic
        self._write = write
        self._waiting = waiting
        self._patience = patience_seconds
        self._queue: deque[_Call] = deque()
        self._flusher: asyncio.Task[None] | None = None

    def enqueue(self, records: Sequence[OutRecord], size: int) -> asyncio.Future[None]:
        """Have the records written; the future ends when they are durable.

        Raises:
            BusUnavailable: too much waits already; nothing was stored.
        """
        self._waiting.take(size)
        loop = asyncio.get_running_loop()
        call = _Call(records, size, loop.create_future(), loop.time())
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
                if calls := self._take():
                    await self._flush(calls)
        finally:
            self._flusher = None
            rest = list(self._queue)
            self._queue.clear()
            self._settle(rest, BusUnavailable("the bus was stopped"))

    def _take(self) -> list[_Call]:
        calls: list[_Call] = []
        number = size = 0
        while self._queue and number < MAX_GROUP_RECORDS and size < MAX_GROUP_BYTES:
            call = self._queue.popleft()
            if call.done.done():
                # Whoever asked has gone.
                self._waiting.give_back(call.size)
                continue
            calls.append(call)
            number += len(call.records)
            size += call.size
        return calls

    def _impatient(self) -> list[_Call]:
        longest = asyncio.get_running_loop().time() - self._patience
        calls: list[_Call] = []
        while self._queue and self._queue[0].since <= longest:
            calls.append(self._queue.popleft())
        return calls

    async def _flush(self, calls: Sequence[_Call]) -> None:
        started = monotonic()
        try:
            await self._write([call.records for call in calls])
        except Exception as error:  # noqa: BLE001 - whoever called gets it, also what nobody foresaw
            self._settle([*calls, *self._impatient()], error)
        except BaseException:
            self._settle(calls, BusUnavailable("the write was given up"))
            raise
        else:
            metrics.BUS_APPENDED.labels(self._topic).inc(sum(len(call.records) for call in calls))
            metrics.BUS_APPEND_SECONDS.observe(monotonic() - started)
            self._settle(calls, None)

    def _settle(self, calls: Sequence[_Call], error: Exception | None) -> None:
        for call in calls:
            self._waiting.give_back(call.size)
            if call.done.done():
                continue
            if error is None:
                call.done.set_result(None)
            else:
                call.done.set_exception(error)


async def write_all(parts: Sequence[tuple[GroupCommit, Sequence[OutRecord], int]]) -> None:
    """Write each part (queue, records, bytes); returns when all are durable.

    Raises:
        BusUnavailable: a part failed; the outcome is unknown.
    """
    waits: list[asyncio.Future[None]] = []
    try:
        for queue, records, size in parts:
            waits.append(queue.enqueue(records, size))
        for wait in waits:
            await wait
    finally:
        for wait in waits:
            # What was not sent yet shall not be; an outcome that nobody waits for is no unhandled error.
            if not wait.cancel() and not wait.cancelled():
                wait.exception()
