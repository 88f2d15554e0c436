"""Answers as they were written last: nobody who asks again waits for one that takes long, and each says how old it is.

What is quickly written is never kept, so that it is live. Of the rest a twentieth of our time at most goes into writing
one anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic, thread_time
from typing import NamedTuple

from shared.errors import AppError
from shared.observability.logging import logger

log = logger(__name__)

# What takes less of our time is written for each who asks. Measured in CPU, so that a busy machine keeps no more.
QUICK_SECONDS = 0.025
# So many times what writing takes, and so long at most, an answer is the newest there is. Then it is written anew while
# the old one is shown; older than that, whoever asks waits for the new.
REST = 20
FRESH_SECONDS = 5.0
SHOWN_SECONDS = 60.0
_MOST_KEPT = 256
Write = Callable[[], Awaitable[bytes]]


class _Kept(NamedTuple):
    """An answer, when it was begun, and for how many seconds it is the newest there is."""

    begun: float
    body: bytes
    fresh_seconds: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What was written for each question; one is written at a time, and whoever has to wait waits for it."""

    kept: dict[Hashable, _Kept] = field(default_factory=dict)
    writing: dict[Hashable, asyncio.Task[bytes]] = field(default_factory=dict)

    async def get(self, question: Hashable, write: Write, *, is_slow: bool = False) -> tuple[bytes, int]:
        """The answer, and how many whole seconds ago it was written. `is_slow`: keep it, however long it took."""
        found = self.kept.get(question)
        age = 0.0 if found is None else monotonic() - found.begun
        if found is not None and age < found.fresh_seconds:
            return found.body, int(age)
        task = self.writing.get(question) or self._begin(question, write, is_slow=is_slow)
        if found is not None and age < SHOWN_SECONDS:
            return found.body, int(age)
        # Shielded: whoever goes away does not take it from the others.
        return await asyncio.shield(task), 0

    def forget(self) -> None:
        """Write all anew: what the firm enters itself has changed."""
        self.kept.clear()
        self.writing.clear()

    def _begin(self, question: Hashable, write: Write, *, is_slow: bool) -> asyncio.Task[bytes]:
        task = self.writing[question] = asyncio.create_task(self._written(question, write, is_slow=is_slow))
        task.add_done_callback(_noted)
        return task

    async def _written(self, question: Hashable, write: Write, *, is_slow: bool) -> bytes:
        begun, spent, task = monotonic(), thread_time(), asyncio.current_task()
        try:
            body = await write()
        finally:
            is_wanted = self.writing.get(question) is task
            if is_wanted:
                del self.writing[question]
        # What was begun before it was to be forgotten is not kept.
        if is_wanted:
            self._keep(question, begun, body, FRESH_SECONDS if is_slow else REST * (thread_time() - spent))
        return body

    def _keep(self, question: Hashable, begun: float, body: bytes, fresh_seconds: float) -> None:
        if fresh_seconds < REST * QUICK_SECONDS:
            self.kept.pop(question, None)
            return
        if len(self.kept) >= _MOST_KEPT:
            self.kept.clear()
        self.kept[question] = _Kept(begun, body, min(FRESH_SECONDS, fresh_seconds))


def _noted(task: asyncio.Task[bytes]) -> None:
    """An answer that failed is told to whoever waits for it; and noted, for there may be nobody."""
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, AppError):
        log.warning("answer_not_written", error=type(error).__name__)
