"""Waiting at the start for what is started beside us: containers come up in any order."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from shared.errors import UserError
from shared.observability.logging import logger

log = logger(__name__)

PAUSE_SECONDS = 0.5

T = TypeVar("T")


async def patiently(seconds: float, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` answers, tried again for so many seconds; each new reason to wait is logged once.

    Raises:
        UserError: of the last attempt.
    """
    until, reason = monotonic() + seconds, ""
    while True:
        try:
            return await attempt()
        except UserError as error:
            if monotonic() + PAUSE_SECONDS > until:
                raise
            if str(error) != reason:
                reason = str(error)
                log.warning("start_waits", reason=reason)
        await asyncio.sleep(PAUSE_SECONDS)
