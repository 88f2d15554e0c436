"""Those who ask at the same time are answered together: one look, or one transaction, for many of them.

Whoever comes alone is answered at once. Nothing is decided here: the locks and guarded statements of the database are
exact, whoever else asks in whatever process.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from services.loyalty.checkout.errors import TooManyAtOnce
from services.loyalty.checkout.schemas import ValidationOut
from services.loyalty.checkout.service.asking import Look, Take
from shared.delivery.idempotency import Answer
from shared.errors import AppError

MAX_BATCH = 50
# Of one kind at a time, in this process: while one waits for the disk the next is made ready.
MAX_AT_ONCE = 2
MAX_WAITING = 5_000

A = TypeVar("A")
R = TypeVar("R")
Together = Callable[[Sequence[A]], Awaitable[Sequence[R | AppError | None]]]


class Waiting(NamedTuple, Generic[A, R]):
    """One who asks. The answer None: ask alone, for what was asked cannot be answered together with others."""

    asked: A
    future: asyncio.Future[R | None]

    def settle(self, outcome: "R | Exception | None") -> None:
        """Tell them, if they still wait."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


@dataclass(slots=True)
class Lane(Generic[A, R]):
    """Those who wait in this process for one kind of answer."""

    _queue: deque[Waiting[A, R]] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Not their number: a task that has ended stays among them for a moment, in which somebody may come.
    _working: int = 0

    async def ask(self, asked: A, together: Together[A, R]) -> R | None:
        """The answer that `together` gives with others; None: ask alone.

        Raises:
            TooManyAtOnce: nothing was done; come again.
            AppError: what `together` answers.
        """
        if len(self._queue) >= MAX_WAITING:
            raise TooManyAtOnce
        waiting: Waiting[A, R] = Waiting(asked, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._working < MAX_AT_ONCE:
            self._working += 1
            task = asyncio.create_task(self._run(together), name="checkout")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await waiting.future

    async def _run(self, together: Together[A, R]) -> None:
        try:
            await self._work(together)
        finally:
            self._working -= 1

    async def _work(self, together: Together[A, R]) -> None:
        while self._queue:
            drawn = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
            # Whoever asked may have gone.
            batch = [each for each in drawn if not each.future.done()]
            outcomes: Sequence[R | Exception | None]
            try:
                outcomes = await together([each.asked for each in batch]) if batch else ()
            except asyncio.CancelledError:
                for each in (*batch, *self._queue):
                    each.future.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - it is the callers', who wait for it
                outcomes = [error for _ in batch]
            for each, outcome in zip(batch, outcomes, strict=True):
                each.settle(outcome)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of this process."""

    looks: Lane[Look, ValidationOut] = field(default_factory=Lane)
    takes: Lane[Take, Answer] = field(default_factory=Lane)
