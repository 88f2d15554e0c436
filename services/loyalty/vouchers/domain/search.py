"""Which of several vouchers stand together, where not all can: the first choice in rank, or the best of all.

Vouchers are taken or left one by one, in rank. What is left of them can never take off more than each would alone, on
the untouched basket; a branch that even so falls short of what was found is not walked. So the best is the best of all
2^n combinations, and after a stated number of steps the search says how much better another could be at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from services.loyalty.vouchers.domain.grants import grant
from services.loyalty.vouchers.domain.stack import Applied, Candidate, Choice, Mark, Stack, fresh

MAX_STEPS = 4_096
# A step costs as much as the basket is long.
MAX_LINE_STEPS = 40_000


class Found(NamedTuple):
    """How the combination was found. `is_proved`: none is better; else none takes off more than `at_most_minor`."""

    by: Choice
    is_proved: bool
    steps: int
    max_steps: int
    at_most_minor: int


@dataclass(slots=True)
class Search:
    """A walk over combinations of `order`, all of which hold the `required` ones."""

    stack: Stack
    order: Sequence[Candidate]
    required: frozenset[UUID]
    is_best: bool
    max_steps: int = field(init=False)
    steps: int = 0
    most_missed: int = 0
    best: tuple[Applied, ...] | None = None
    best_minor: int = -1
    mark_of_best: Mark | None = None
    _rest: list[int] = field(init=False)

    def __post_init__(self) -> None:
        lines = max(1, len(self.stack.basket.lines))
        self.max_steps = max(2 * len(self.order), min(MAX_STEPS, MAX_LINE_STEPS // lines))
        alone = [_alone(self.stack, each) for each in self.order]
        self._rest = [*reversed(list(accumulate(reversed(alone)))), 0]

    def run(self) -> Found:
        """Leave the stack with the combination that was found; with the required ones alone, if none was."""
        start = self.stack.mark()
        self._walk(0)
        self.stack.back(start)
        if self.best is None:
            for candidate in self.order:
                if candidate.voucher.id in self.required:
                    self.stack.take(candidate)
        elif self.mark_of_best is not None:
            self.stack.applied.extend(self.best)
            self.stack.back(self.mark_of_best)
        is_proved = not self.most_missed or self.most_missed <= self.best_minor
        at_most = max(self.stack.discount_minor, self.most_missed)
        return Found("best" if self.is_best else "hierarchy", is_proved, self.steps, self.max_steps, at_most)

    def _walk(self, at: int) -> None:
        """All combinations from here on, those with the next one first."""
        if at == len(self.order):
            self._arrive()
            return
        if self.best is not None and (not self.is_best or self._could_be(at) <= self.best_minor):
            return
        if self.steps >= self.max_steps:
            self.most_missed = max(self.most_missed, self._could_be(at))
            return
        self.steps += 1
        candidate, mark = self.order[at], self.stack.mark()
        if self.stack.take(candidate) is None:
            self._walk(at + 1)
            self.stack.back(mark)
        if candidate.voucher.id not in self.required:
            self._walk(at + 1)

    def _arrive(self) -> None:
        minor = self.stack.discount_minor
        if minor > self.best_minor:
            self.best, self.best_minor, self.mark_of_best = tuple(self.stack.applied), minor, self.stack.mark()

    def _could_be(self, at: int) -> int:
        """What may come of it at most: what the others take off alone, and never more than there is to pay."""
        left = self.stack.left
        return self.stack.discount_minor + min(self._rest[at], sum(left.lines) + left.shipping)


def _alone(stack: Stack, candidate: Candidate) -> int:
    """What it takes off a basket that nothing else has touched: more than that it never does."""
    return grant(candidate.campaign.terms, stack.basket, fresh(stack.basket), candidate.voucher.balance_minor).total
