"""Readiness: named checks, each with a second to answer, and the last result kept for a second.

A check answers None, or a sentence that says what is wrong. One that raises or hangs is a problem, not a crash.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from shared.observability.logging import logger

log = logger(__name__)

Check = Callable[[], Awaitable[str | None]]
CHECK_SECONDS = 1.0
KEPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a check found wrong. Without what is not vital the process still does a part of its work."""

    check: str
    problem: str
    is_vital: bool = True


class Health:
    """The checks of a process. `stopping` makes it unready at once: it finishes what it has and takes no more."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS, check_seconds: float = CHECK_SECONDS) -> None:
        self.stopping = False
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._kept_seconds = kept_seconds
        self._check_seconds = check_seconds
        self._found: tuple[Trouble, ...] = ()
        self._until = 0.0
        self._lock = asyncio.Lock()

    def add(self, name: str, check: Check, *, is_vital: bool = True) -> None:
        """Make readiness depend on `check`; of one that is not vital, trouble is told and the process stays ready."""
        self._checks[name] = check, is_vital
        self._until = 0.0

    async def troubles(self) -> tuple[Trouble, ...]:
        """Everything that is wrong now; empty: ready."""
        if self.stopping:
            return (Trouble("process", "it is stopping"),)
        if monotonic() >= self._until:
            # One round at a time: many probes must not multiply the load on what is already slow.
            async with self._lock:
                if monotonic() >= self._until:
                    found = await asyncio.gather(*(self._run(name, *each) for name, each in self._checks.items()))
                    self._found = tuple(trouble for trouble in found if trouble is not None)
                    self._until = monotonic() + self._kept_seconds
        return self._found

    async def _run(self, name: str, check: Check, is_vital: bool) -> Trouble | None:
        try:
            async with asyncio.timeout(self._check_seconds):
                problem = await check()
        except TimeoutError:
            problem = f"it did not answer within {self._check_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a check stumbles on is its finding
            log.warning("check_failed", check=name, error=type(error).__name__)
            problem = f"the check failed with {type(error).__name__}"
        return None if problem is None else Trouble(name, problem, is_vital)
