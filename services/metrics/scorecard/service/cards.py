"""Cards as they were written last: nobody who looks again waits for one, and each says how old it is."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic

from shared.observability.logging import logger

log = logger(__name__)

# Older than this, a card is written anew while the old one is shown; older than that, whoever asks waits for the new.
FRESH_SECONDS = 5.0
SHOWN_SECONDS = 60.0
_MOST_KEPT = 64
Write = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Cards:
    """What was written for each question, and when; one is written at a time, and whoever has to wait waits for it."""

    kept: dict[Hashable, tuple[float, bytes]] = field(default_factory=dict)
    writing: dict[Hashable, asyncio.Task[bytes]] = field(default_factory=dict)

    async def get(self, question: Hashable, write: Write) -> tuple[bytes, int]:
        """The answer, and how many whole seconds ago it was written."""
        found = self.kept.get(question)
        age = None if found is None else monotonic() - found[0]
        if found is not None and age is not None and age < FRESH_SECONDS:
            return found[1], int(age)
        task = self.writing.get(question) or self._begin(question, write)
        if found is not None and age is not None and age < SHOWN_SECONDS:
            return found[1], int(age)
        # Shielded: whoever goes away does not take it from the others.
        return await asyncio.shield(task), 0

    def forget(self) -> None:
        """Write all anew: a target has changed, or there are too many."""
        self.kept.clear()
        self.writing.clear()

    def _begin(self, question: Hashable, write: Write) -> asyncio.Task[bytes]:
        task = self.writing[question] = asyncio.create_task(self._written(question, write))
        task.add_done_callback(_noted)
        return task

    async def _written(self, question: Hashable, write: Write) -> bytes:
        begun, task = monotonic(), asyncio.current_task()
        try:
            body = await write()
        finally:
            is_wanted = self.writing.get(question) is task
            if is_wanted:
                del self.writing[question]
        # What was begun before it was to be forgotten is not kept.
        if is_wanted:
            if len(self.kept) >= _MOST_KEPT:
                self.kept.clear()
            self.kept[question] = (begun, body)
        return body


def _noted(task: asyncio.Task[bytes]) -> None:
    """A card that failed is told to whoever waits for it; and noted, for there may be nobody."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("card_not_written", error=type(error).__name__)
