"""One member's life in a group: join, heartbeat, take its share, hand over what others need, leave.

Handing over waits until the consumer has finished its work (`on_revoked`), while heartbeats go on. A member that was
frozen for longer than a session knows it by its own clock before it asks the database, and hands out no more records.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

from shared.bus.base import BusUnavailable, Partition
from shared.bus.postgres.assignment import next_step
from shared.bus.postgres.group_store import GroupStore, Seen
from shared.observability.logging import logger

log = logger(__name__)

RETRY_SECONDS = 0.3
# However long a session is, a newcomer is noticed after this.
MAX_INTERVAL_SECONDS = 1.5
# While partitions change hands members look more often.
MOVING_SECONDS = 0.1
STOP_SECONDS = 5.0
DRAIN_SECONDS = 30.0

Change = Callable[[frozenset[Partition]], Coroutine[Any, Any, None]]


class Membership:
    """Keeps `owned` what the database says, calling `given` and `taken` at each change."""

    def __init__(
        self, store: GroupStore, *, name: str, session_seconds: float, sole: bool, given: Change, taken: Change
    ) -> None:
        self._store = store
        self._name = name
        self._session = session_seconds
        # Alone, newcomers are in this process and nudge.
        self._interval = session_seconds / 4 if sole else min(session_seconds / 4, MAX_INTERVAL_SECONDS)
        self._sole = sole
        self._given = given
        self._taken = taken
        self._owned: frozenset[Partition] = frozenset()
        # Monotonic: when we last asked and were told that we are a member; since when that never failed.
        self._alive_at: float | None = None
        self._steady_since: float | None = None
        self._nudged = asyncio.Event()

    @property
    def is_alive(self) -> bool:
        """Whether nobody can have taken our partitions yet."""
        return self._sole or (self._alive_at is not None and monotonic() - self._alive_at < self._session)

    def nudge(self) -> None:
        """Look at the group now: a member of this process joined or left."""
        self._nudged.set()

    async def run(self) -> None:
        """Be a member until cancelled."""
        while True:
            try:
                pause = await self._step()
            except BusUnavailable:
                self._steady_since = None
                pause = RETRY_SECONDS
            except Exception as error:  # noqa: BLE001 - a callback failed; the member must live on and try again
                log.warning("assignment_failed", consumer=self._name, error=type(error).__name__)
                pause = RETRY_SECONDS
            # Not wait_for: until Python 3.12 it can swallow a cancellation.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            self._nudged.clear()

    async def leave(self) -> None:
        """Finish the work, then give everything back."""
        if self._owned:
            await self._drain(self._owned)
        async with asyncio.timeout(STOP_SECONDS):
            await self._store.leave()

    async def _step(self) -> float:
        seen = await self._beat()
        if seen is None:
            # Never joined, or expelled while we were away: what we owned is somebody else's.
            await self._lose(self._owned)
            await self._store.join()
            seen = await self._beat()
            if seen is None:
                return RETRY_SECONDS
        await self._lose(self._owned - seen.state.owned_by(self._store.member))
        if seen.expired and self._may_judge():
            await self._store.expel()
            return 0.0
        step = next_step(seen.state, self._store.member)
        if step.release:
            await self._hand_over(step.release)
            return 0.0
        if step.take or seen.state.owned_by(self._store.member) != self._owned:
            await self._take()
        complete = all(
            sum(1 for partition in seen.state.owners if partition.topic == topic) == count
            for topic, count in seen.state.partitions.items()
        )
        return self._interval if complete or step.take else min(self._interval, MOVING_SECONDS)

    def _may_judge(self) -> bool:
        # After an outage everybody looks dead: give the others the time of a heartbeat.
        return self._sole or (self._steady_since is not None and monotonic() - self._steady_since >= self._interval)

    async def _beat(self) -> Seen | None:
        asked = monotonic()
        seen = await self._store.beat()
        if seen is None:
            self._alive_at = self._steady_since = None
            return None
        now = monotonic()
        if self._steady_since is None or self._alive_at is None or now - self._alive_at > self._session / 2:
            self._steady_since = now
        self._alive_at = asked
        return seen

    async def _take(self) -> None:
        new = await self._store.take_share() - self._owned
        if not new:
            return
        # Ours from here on, so that leaving in the middle gives them back in order.
        self._owned |= new
        try:
            await self._with_heartbeats(self._given(new))
        except Exception:
            self._owned -= new
            raise

    async def _lose(self, partitions: frozenset[Partition]) -> None:
        if partitions:
            log.warning("partitions_lost", consumer=self._name, number=len(partitions))
            await self._with_heartbeats(self._drain(partitions))

    async def _hand_over(self, partitions: frozenset[Partition]) -> None:
        await self._with_heartbeats(self._drain(partitions))
        await self._store.release(partitions)

    async def _drain(self, partitions: frozenset[Partition]) -> None:
        """Wait until the work on them is finished; not for ever, for others wait too and a zombie's work is fenced."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._taken(partitions)
        except TimeoutError:
            log.warning("drain_given_up", consumer=self._name, number=len(partitions))
        self._owned -= partitions

    async def _with_heartbeats(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._interval))[0]:
                try:
                    await self._beat()
                except BusUnavailable:
                    self._steady_since = None
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        await task
