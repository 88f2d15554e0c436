"""Keeps long-running work alive: one task group, every failure seen, nothing dies in silence."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from shared.observability.logging import logger

log = logger(__name__)

FIRST_RESTART_SECONDS = 0.5
MAX_RESTART_SECONDS = 15.0
# Work that ran this long before it failed begins again without a growing delay.
STEADY_SECONDS = 30.0


class Supervisor:
    """Runs named work until it is stopped, restarts what fails, and says what is wrong."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]], *, group: asyncio.TaskGroup) -> None:
        """Run `work` for ever; when it raises, note the problem and start it again."""
        self._tasks[name] = group.create_task(self._keep(name, work), name=name)

    def problems(self) -> list[str]:
        """One sentence for each piece of work that is down."""
        return list(self._problems.values())

    def restart(self, name: str) -> None:
        """Interrupt stuck work; it begins again at once."""
        self._tasks[name].cancel("restart")

    async def stop(self) -> None:
        """Cancel everything and wait for it to end."""
        for task in self._tasks.values():
            task.cancel("stop")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            started = monotonic()
            try:
                await work()
                self._problems.pop(name, None)
                return
            except asyncio.CancelledError as cancelled:
                if cancelled.args != ("restart",):
                    raise
                if (task := asyncio.current_task()) is not None:
                    task.uncancel()
                log.warning("work_restarted", work=name)
                continue
            except Exception as error:
                log.exception("work_failed", work=name)
                self._problems[name] = f"{name} failed ({type(error).__name__}) and is being restarted"
            failures = 1 if monotonic() - started > STEADY_SECONDS else failures + 1
            await asyncio.sleep(min(MAX_RESTART_SECONDS, FIRST_RESTART_SECONDS * 2**failures))
            self._problems.pop(name, None)
