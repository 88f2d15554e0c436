"""Those who ask the checkout at the same time are answered together: one look, or one transaction, for many of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import InitVar, dataclass, field
from functools import partial
from typing import Generic, TypeVar

from services.loyalty.checkout.errors import TooManyAtOnce
from services.loyalty.checkout.schemas import ValidationOut
from services.loyalty.checkout.service.asking import Look, Take
from shared.delivery import lanes
from shared.delivery.idempotency import Answer
from shared.delivery.lanes import Waiting
from shared.errors import AppError

# As many as come while a commit waits for a slow disk: fewer, and the line would grow for as long as it is slow.
MAX_BATCH = 100
MAX_WAITING = 5_000

A = TypeVar("A")
R = TypeVar("R")
Together = Callable[[Sequence[A]], Awaitable[Sequence[R | AppError | None]]]


@dataclass(slots=True)
class Lane(Generic[A, R]):
    """Those who wait in this process for one kind of answer. The answer None: ask alone, for it cannot be together."""

    at_once: InitVar[int] = lanes.MAX_AT_ONCE
    _line: lanes.Lane[A, R | None] = field(init=False)

    def __post_init__(self, at_once: int) -> None:
        self._line = lanes.Lane("checkout", MAX_BATCH, MAX_WAITING, TooManyAtOnce, at_once)

    async def ask(self, asked: A, together: Together[A, R]) -> R | None:
        """The answer that `together` gives with others; None: ask alone.

        Raises:
            TooManyAtOnce: nothing was done; come again.
            AppError: what `together` answers.
        """
        return await self._line.ask(asked, partial(_serve, together))


async def _serve(together: Together[A, R], batch: Sequence[Waiting[A, R | None]]) -> None:
    outcomes = await together([each.asked for each in batch])
    for each, outcome in zip(batch, outcomes, strict=True):
        each.settle(outcome)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of this process.

    Who looks waits for nobody. Who takes changes the counter of the campaign, and has it until the commit is on disk: a
    second batch would have drawn its people long before it could go on, and they would wait for three commits instead
    of two.
    """

    looks: Lane[Look, ValidationOut] = field(default_factory=Lane)
    takes: Lane[Take, Answer] = field(default_factory=lambda: Lane(at_once=1))
