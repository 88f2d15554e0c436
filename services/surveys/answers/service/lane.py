"""Answers that come at the same time are taken together: one transaction for many of them.

An answer that comes alone is taken at once. Nothing is decided here: whoever else takes answers, in whatever process,
the locks and keys of the database are what holds.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.errors import TakeAlone, TooManyAnswers
from services.surveys.answers.service.taking import Answering, Outcome
from shared.db.engine import Database
from shared.delivery.passing import is_passing

MAX_BATCH = 100
# Transactions of this process at once: while one waits for the disk the next is made ready.
MAX_AT_ONCE = 2
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    submission: Submission
    future: asyncio.Future[Taken]

    def settle(self, outcome: Outcome | Exception) -> None:
        """Tell whoever waits, if they still do."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


@dataclass(slots=True)
class Lane:
    """The answers that wait in this process. One per process."""

    _queue: deque[_Waiting] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Not their number: a task that has ended stays among them for a moment, in which somebody may come.
    _working: int = 0

    async def take(self, db: Database, answering: Answering, submission: Submission) -> Taken:
        """Have an answer taken, in a transaction of the lane's.

        Raises:
            what `Answering.take` raises.
            TooManyAnswers: nothing was taken; come again.
        """
        if len(self._queue) >= MAX_WAITING:
            raise TooManyAnswers
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(submission, future))
        if self._working < MAX_AT_ONCE:
            self._working += 1
            task = asyncio.create_task(self._run(db, answering), name="answers")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self, db: Database, answering: Answering) -> None:
        try:
            await self._work(db, answering)
        finally:
            self._working -= 1

    async def _work(self, db: Database, answering: Answering) -> None:
        while self._queue:
            drawn = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
            # Whoever asked may have gone.
            batch = [each for each in drawn if not each.future.done()]
            try:
                await _settle(db, answering, batch)
            except asyncio.CancelledError:
                for each in (*batch, *self._queue):
                    each.future.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - it is the callers', who wait for it
                for each in batch:
                    each.settle(error)


async def _settle(db: Database, answering: Answering, batch: Sequence[_Waiting]) -> None:
    """Take a batch; if it cannot be taken as one, each alone."""
    is_decided = False
    try:
        async with db.write() as tx:
            outcomes = await answering.take_all(tx, [each.submission for each in batch])
            is_decided = True
    except Exception as error:
        # Before it was decided nothing is stored; at the commit nobody knows, and nothing may be sent again.
        if is_decided or len(batch) == 1 or is_passing(error):
            raise
        outcomes = [TakeAlone() for _ in batch]
    for each, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, TakeAlone):
            await _settle_alone(db, answering, each)
        else:
            each.settle(outcome)


async def _settle_alone(db: Database, answering: Answering, waiting: _Waiting) -> None:
    try:
        async with db.write() as tx:
            outcome: Outcome | Exception = await answering.take(tx, waiting.submission)
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        outcome = error
    waiting.settle(outcome)
