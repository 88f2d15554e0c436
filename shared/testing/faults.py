"""Named points at which a process of the platform ends or freezes itself, and naive versions of what it does.

For tests only, and only through `python -m shared.testing.faulty_serve`, which reads, once, at the start:

* `TAM_TEST_FAULT=<point>[@<topic or consumer>]:<nth>`: the nth time the point is reached (there), the process gets
  `TAM_TEST_FAULT_SIGNAL` (SIGKILL, or SIGSTOP for a zombie). It says so on stderr first.
* `TAM_TEST_SESSION_SECONDS`: how long the bus waits for a dead consumer, shorter than a person would choose; then
  PostgreSQL, too, waits for a frozen transaction no longer than `LOCK_SECONDS`.
* `TAM_TEST_NAIVE=answer_early | no_inbox`: what a careless platform does; a checker that finds nothing then is blind.

The points are put in at the seams that the platform has anyway: the bus port and the runner's handler.
"""

import asyncio
import contextvars
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast
from unittest.mock import patch

from sqlalchemy import Engine, event

from shared.bus.base import Bus, BusConsumer, OutRecord, Partition, Record
from shared.bus.postgres import connections
from shared.db import engine
from shared.db.engine import WriteTx
from shared.delivery.batches import BoundHandler
from shared.delivery.runner import Runner
from shared.events.envelope import Event
from shared.events.topics import INGEST, INGEST_REJECTED
from shared.runtime import platform as runtime

Point = Literal[
    "edge.before_append",
    "edge.after_append",
    "relay.before_append",
    "relay.after_append",
    "consumer.after_poll",
    "handler.statement",
    "handler.done",
    "consumer.before_commit",
]
POINTS: Final[Mapping[str, str]] = {
    "edge.before_append": "the request is read, nothing is stored",
    "edge.after_append": "the events are durable, the shop has no answer yet",
    "relay.before_append": "the effect is committed, its events are not on the bus",
    "relay.after_append": "the events are on the bus, their outbox rows are still there",
    "consumer.after_poll": "a batch is in hand, its transaction not begun",
    "handler.statement": "in the open transaction of a batch, after one of its statements",
    "handler.done": "all effects are written, nothing is committed",
    "consumer.before_commit": "the effects are committed, the bus was not told",
}
NAIVE: Final = ("answer_early", "no_inbox")
REACHED: Final = "fault reached: "
LOCK_SECONDS: Final = 4.0


@dataclass
class Fault:
    """Which point, where, the how manieth time, and the signal."""

    point: str
    where: str | None
    left: int
    signal: signal.Signals

    @classmethod
    def parse(cls, text: str, signal_name: str) -> "Fault":
        """Read `point[@where]:nth`.

        Raises:
            ValueError: there is no such point.
        """
        place, _, nth = text.partition(":")
        point, _, where = place.partition("@")
        if point not in POINTS:
            raise ValueError(f"{point!r} is no fault point; there are {', '.join(POINTS)}")
        return cls(point, where or None, int(nth or 1), signal.Signals[signal_name])

    def reach(self, point: Point, *where: str) -> None:
        """Count; at the nth time send ourselves the signal."""
        if point != self.point or (self.where is not None and self.where not in where) or self.left <= 0:
            return
        self.left -= 1
        if self.left == 0:
            os.write(2, f"{REACHED}{point} {','.join(where)}\n".encode())
            os.kill(os.getpid(), self.signal)


class _FaultyConsumer:
    """A consumer that reaches points around what the real one does."""

    def __init__(self, consumer: BusConsumer, group: str, fault: Fault) -> None:
        self._consumer = consumer
        self._group = group
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    async def poll(self, *, max_records: int, max_wait: float) -> Mapping[Partition, Sequence[Record]]:
        batches = await self._consumer.poll(max_records=max_records, max_wait=max_wait)
        if batches:
            self._fault.reach("consumer.after_poll", self._group)
        return batches

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        self._fault.reach("consumer.before_commit", self._group)
        await self._consumer.commit(positions)


class _FaultyBus:
    """A bus that reaches points around what the real one does."""

    def __init__(self, bus: Bus, fault: Fault, naive: str) -> None:
        self._bus = bus
        self._fault = fault
        self._answers_early = naive == "answer_early"
        self._unfinished: set[asyncio.Task[None]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def append(self, records: Sequence[OutRecord]) -> None:
        topics = sorted({record.topic for record in records})
        at_the_edge = topics[0] in (INGEST.name, INGEST_REJECTED.name)
        self._fault.reach("edge.before_append" if at_the_edge else "relay.before_append", *topics)
        if at_the_edge and self._answers_early:
            task = asyncio.create_task(self._later(records))
            self._unfinished.add(task)
            task.add_done_callback(self._unfinished.discard)
            return
        await self._bus.append(records)
        self._fault.reach("edge.after_append" if at_the_edge else "relay.after_append", *topics)

    async def _later(self, records: Sequence[OutRecord]) -> None:
        # As a producer's `linger` does.
        await asyncio.sleep(0.3)
        await self._bus.append(records)

    def consumer(self, *, group: str, **rest: Any) -> BusConsumer:
        made = self._bus.consumer(group=group, **rest)
        return cast(BusConsumer, _FaultyConsumer(made, group, self._fault))


_handling: contextvars.ContextVar[str | None] = contextvars.ContextVar("handling", default=None)


def _runner(fault: Fault, naive: str) -> type[Runner]:
    class FaultyRunner(Runner):
        """A runner whose handler reaches points; naive, it takes every event for new."""

        def __init__(self, *, group: str, handler: BoundHandler, **rest: Any) -> None:
            async def watched(tx: WriteTx, events: Sequence[Event[Any]]) -> None:
                token = _handling.set(group)
                try:
                    await handler(tx, events)
                finally:
                    _handling.reset(token)
                fault.reach("handler.done", group)

            if naive == "no_inbox":
                rest["is_idempotent"] = True
            super().__init__(group=group, handler=watched, **rest)

    return FaultyRunner


def install(environ: Mapping[str, str]) -> None:
    """Put the points in, as the environment says; for the whole life of the process."""
    fault = Fault("", None, 0, signal.SIGKILL)
    if text := environ.get("TAM_TEST_FAULT"):
        fault = Fault.parse(text, environ.get("TAM_TEST_FAULT_SIGNAL", "SIGKILL"))
    naive = environ.get("TAM_TEST_NAIVE", "")
    if naive and naive not in NAIVE:
        raise ValueError(f"TAM_TEST_NAIVE is one of {', '.join(NAIVE)}")
    real_open_bus = runtime.open_bus  # type: ignore[attr-defined]  # its own import of it is the seam

    session = environ.get("TAM_TEST_SESSION_SECONDS")

    def open_bus(*args: Any, **kwargs: Any) -> Bus:
        bus: Any = real_open_bus(*args, **kwargs)
        if session is not None and not kwargs.get("sole"):
            bus._session = float(session)  # noqa: SLF001 - both drivers have it, neither has a setting for it
        return cast(Bus, _FaultyBus(bus, fault, naive))

    def after_statement(*_: Any) -> None:
        if (group := _handling.get()) is not None:
            fault.reach("handler.statement", group)

    if session is not None:
        patch.object(engine, "IDLE_IN_TRANSACTION_SECONDS", LOCK_SECONDS).start()
        patch.object(connections, "IDLE_IN_TRANSACTION_SECONDS", LOCK_SECONDS).start()
    patch.object(runtime, "open_bus", open_bus).start()
    patch.object(runtime, "Runner", _runner(fault, naive)).start()
    event.listen(Engine, "after_cursor_execute", after_statement)
