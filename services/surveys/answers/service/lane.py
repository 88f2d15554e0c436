"""Answers that come at the same time are taken together: one transaction for many of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.errors import TakeAlone, TooManyAnswers
from services.surveys.answers.service.taking import Answering, Outcome
from shared.db.engine import Database
from shared.delivery import lanes
from shared.delivery.lanes import Waiting
from shared.delivery.passing import is_passing

MAX_BATCH = 100
MAX_WAITING = 10_000


@dataclass(slots=True)
class Lane:
    """The answers that wait in this process. One per process."""

    _line: lanes.Lane[Submission, Taken] = field(
        default_factory=lambda: lanes.Lane("answers", MAX_BATCH, MAX_WAITING, TooManyAnswers)
    )

    async def take(self, db: Database, answering: Answering, submission: Submission) -> Taken:
        """Have an answer taken, in a transaction of the lane's.

        Raises:
            what `Answering.take` raises.
            TooManyAnswers: nothing was taken; come again.
        """
        return await self._line.ask(submission, partial(_settle, db, answering))


async def _settle(db: Database, answering: Answering, batch: Sequence[Waiting[Submission, Taken]]) -> None:
    """Take a batch; if it cannot be taken as one, each alone."""
    outcomes = await lanes.decided(
        db,
        lambda tx: answering.take_all(tx, [each.asked for each in batch]),
        is_final=lambda error: len(batch) == 1 or is_passing(error),
    )
    for each, outcome in zip(batch, [TakeAlone() for _ in batch] if outcomes is None else outcomes, strict=True):
        if isinstance(outcome, TakeAlone):
            await _settle_alone(db, answering, each)
        else:
            each.settle(outcome)


async def _settle_alone(db: Database, answering: Answering, waiting: Waiting[Submission, Taken]) -> None:
    try:
        async with db.write() as tx:
            outcome: Outcome | Exception = await answering.take(tx, waiting.asked)
    except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
        outcome = error
    waiting.settle(outcome)
