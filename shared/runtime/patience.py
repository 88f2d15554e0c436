"""Waiting at the start for what is started beside us: containers come up in any order."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from shared.errors import UserError
from shared.observability.logging import logger

log = logger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0

T = TypeVar("T")


async def patiently(seconds: float, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` answers, tried again for so many seconds; each new reason to wait is logged once.

    Raises:
        UserError: of the last attempt.
    """
    until, pause, reason = monotonic() + seconds, FIRST_PAUSE_SECONDS, ""
    while True:
        try:
            return await attempt()
        except UserError as error:
            if monotonic() + pause > until:
                raise
            if str(error) != reason:
                reason = str(error)
                log.warning("start_waits", reason=reason)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
