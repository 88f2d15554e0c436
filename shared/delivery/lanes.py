"""Those who ask at the same time are served together, in batches: whoever comes alone is served at once.

Nothing is decided here: the locks and guarded statements of the database are exact, whoever asks in whatever process.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from shared.db.engine import Database, WriteTx
from shared.errors import AppError
from shared.observability.logging import logger

log = logger(__name__)

# Batches of a lane at a time, in this process: while one waits for the disk the next is made ready. Where all want the
# same row it is better to have one: the next would wait for the first's commit, with those in it who came too early.
MAX_AT_ONCE = 2
# Seconds after which a batch waits for somebody else: then the next goes on beside it, wherever only one is served.
PATIENCE = 0.1

A = TypeVar("A")
R = TypeVar("R")


class Waiting(NamedTuple, Generic[A, R]):
    """One who asks."""

    asked: A
    future: asyncio.Future[R]

    def settle(self, outcome: R | Exception) -> None:
        """Tell them, if they still wait."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


async def decided(
    db: Database, decide: Callable[[WriteTx], Awaitable[Sequence[R]]], *, is_final: Callable[[Exception], bool]
) -> Sequence[R] | None:
    """What is decided of a batch, in one transaction; None: nothing was stored, and each is to be decided alone.

    Raises:
        what `is_final` is true of: alone it would be no better.
        whatever happens at the commit: nobody knows whether it is stored, and nothing may be done again.
    """
    is_decided = False
    try:
        async with db.write() as tx:
            outcomes = await decide(tx)
            is_decided = True
    except Exception as error:
        if is_decided or is_final(error):
            raise
        # One of them is enough, and is refused when it is alone; what breaks every batch is seen here.
        log.warning("batch_taken_apart", schema=db.schema, error=type(error).__name__)
        return None
    return outcomes


@dataclass(slots=True)
class Lane(Generic[A, R]):
    """Those who wait in this process. One per process and kind of answer.

    `full` is what those hear who find `most_waiting` before them; a batch has at most `batch`, and `at_once` are served
    at a time, unless they take longer than `PATIENCE`.
    """

    name: str
    batch: int
    most_waiting: int
    full: type[AppError]
    at_once: int = MAX_AT_ONCE
    _queue: deque[Waiting[A, R]] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Not their number: a task that has ended stays among them for a moment, in which somebody may come.
    _working: int = 0
    # When the last batch began, as the monotonic clock says.
    _began: float = 0.0

    async def ask(self, asked: A, serve: Callable[[Sequence[Waiting[A, R]]], Awaitable[None]]) -> R:
        """The answer that `serve` settles, with others; what it raises is the answer of all whom it had.

        Raises:
            `full`: nothing was done; come again.
        """
        if len(self._queue) >= self.most_waiting:
            raise self.full
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(asked, future))
        if self._working < self.at_once or (self._working < MAX_AT_ONCE and monotonic() - self._began > PATIENCE):
            self._working += 1
            task = asyncio.create_task(self._run(serve), name=self.name)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self, serve: Callable[[Sequence[Waiting[A, R]]], Awaitable[None]]) -> None:
        try:
            while self._queue:
                drawn = [self._queue.popleft() for _ in range(min(self.batch, len(self._queue)))]
                # Whoever asked may have gone.
                if batch := [each for each in drawn if not each.future.done()]:
                    self._began = monotonic()
                    await self._serve(serve, batch)
        finally:
            self._working -= 1

    async def _serve(
        self, serve: Callable[[Sequence[Waiting[A, R]]], Awaitable[None]], batch: Sequence[Waiting[A, R]]
    ) -> None:
        try:
            await serve(batch)
        except asyncio.CancelledError:
            for each in (*batch, *self._queue):
                each.future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is the callers', who wait for it
            for each in batch:
                each.settle(error)
