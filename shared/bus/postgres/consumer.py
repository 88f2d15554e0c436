"""A consumer of the PostgreSQL log."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from shared.bus.base import BusUnavailable, OnAssigned, OnRevoked, Partition, Record
from shared.bus.postgres.group_store import GroupStore
from shared.bus.postgres.heads import Heads
from shared.bus.postgres.membership import Membership
from shared.observability.logging import logger

log = logger(__name__)

Fetch = Callable[[str, Mapping[Partition, int], int], Awaitable[Mapping[Partition, Sequence[Record]]]]


@dataclass(slots=True)
class _Reading:
    """Where we are in a partition that is ours."""

    position: int
    is_paused: bool = False


class PostgresConsumer:
    """One member of a group; made by `PostgresBus.consumer`."""

    def __init__(
        self,
        store: GroupStore,
        *,
        topics: Sequence[str],
        group: str,
        session_seconds: float,
        sole: bool,
        heads: Heads,
        fetch: Fetch,
        on_assigned: OnAssigned | None,
        on_revoked: OnRevoked | None,
        on_change: Callable[["PostgresConsumer", bool], None],
    ) -> None:
        self.topics = tuple(topics)
        self.group = group
        self._store = store
        self._heads = heads
        self._fetch = fetch
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._on_change = on_change
        self._reading: dict[Partition, _Reading] = {}
        self._announced: set[Partition] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._membership = Membership(
            store, name=group, session_seconds=session_seconds, sole=sole, given=self._given, taken=self._taken
        )

    async def start(self) -> None:
        """Begin to join the group; partitions come when PostgreSQL answers."""
        self._heads.watch(self.topics, self._wake)
        self._task = asyncio.create_task(self._membership.run(), name=f"bus.member.{self.group}")
        self._on_change(self, True)

    async def stop(self) -> None:
        """Finish the work and leave the group; within a deadline, also while PostgreSQL is away."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._heads.unwatch(self._wake)
        try:
            with contextlib.suppress(BusUnavailable, TimeoutError):
                await self._membership.leave()
        finally:
            self._reading.clear()
            self._on_change(self, False)

    def nudge(self) -> None:
        """Look at the group now."""
        self._membership.nudge()

    async def poll(self, *, max_records: int, max_wait: float) -> Mapping[Partition, Sequence[Record]]:
        """At most `max_records` per partition, waiting up to `max_wait` seconds for the first."""
        deadline = monotonic() + max_wait
        while True:
            self._wake.clear()
            wanted = self._wanted()
            if wanted:
                batches = await self._fetch_topics(wanted, max_records)
                if batches:
                    return batches
            remaining = deadline - monotonic()
            if remaining <= 0:
                return {}
            if not wanted:
                # Not wait_for: until Python 3.12 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(remaining):
                        await self._wake.wait()

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Store the next offset to read of each partition."""
        if positions:
            await self._store.commit(positions)

    async def rewind(self, positions: Mapping[Partition, int]) -> None:
        """Read on from these offsets; partitions that are not ours are left alone."""
        for partition, offset in positions.items():
            if (reading := self._reading.get(partition)) is not None:
                # A new object: a fetch under way must not move it on.
                self._reading[partition] = _Reading(offset, reading.is_paused)
        self._wake.set()

    def pause(self, partitions: Collection[Partition]) -> None:
        """Read no more of them for now."""
        self._set_paused(partitions, True)

    def resume(self, partitions: Collection[Partition]) -> None:
        """Read them again."""
        self._set_paused(partitions, False)
        self._wake.set()

    def assignment(self) -> frozenset[Partition]:
        """The partitions that are ours now."""
        return frozenset(self._reading)

    async def lag(self) -> Mapping[Partition, int]:
        """Records between our position and the end, per assigned partition."""
        if not self._reading:
            return {}
        ends = await self._heads.ask(self.topics)
        return {
            partition: max(0, ends.get(partition, 0) - reading.position) for partition, reading in self._reading.items()
        }

    def _set_paused(self, partitions: Collection[Partition], is_paused: bool) -> None:
        for partition in partitions:
            if (reading := self._reading.get(partition)) is not None:
                reading.is_paused = is_paused

    def _wanted(self) -> dict[Partition, _Reading]:
        if not self._membership.is_alive:
            return {}
        return {
            partition: reading
            for partition, reading in self._reading.items()
            if not reading.is_paused and reading.position < self._heads.next_offset(partition)
        }

    async def _fetch_topics(
        self, wanted: Mapping[Partition, _Reading], max_records: int
    ) -> dict[Partition, Sequence[Record]]:
        """Read, and hand out what is still ours when the answer is here."""
        found: dict[Partition, Sequence[Record]] = {}
        ends = {partition: self._heads.next_offset(partition) for partition in wanted}
        starts = {partition: reading.position for partition, reading in wanted.items()}
        for topic in {partition.topic for partition in wanted}:
            positions = {partition: start for partition, start in starts.items() if partition.topic == topic}
            found.update(await self._fetch(topic, positions, max_records))
        if not self._membership.is_alive:
            return {}
        batches: dict[Partition, Sequence[Record]] = {}
        for partition, reading in wanted.items():
            if self._reading.get(partition) is not reading or reading.is_paused:
                continue
            records = found.get(partition)
            if records:
                if records[0].offset != reading.position:
                    log.warning("offsets_skipped", consumer=self.group, since=reading.position, until=records[0].offset)
                reading.position = records[-1].offset + 1
                batches[partition] = records
            else:
                # All there was up to this end has been trimmed.
                reading.position = ends[partition]
        return batches

    async def _given(self, partitions: frozenset[Partition]) -> None:
        committed = await self._store.committed()
        self._announced |= partitions
        chosen = await self._on_assigned(sorted(partitions)) if self._on_assigned is not None else {}
        ends = await self._heads.ask(self.topics)
        for partition in sorted(partitions):
            start = chosen.get(partition, committed.get(partition, 0))
            if start > ends.get(partition, 0):
                log.warning("offset_out_of_range", consumer=self.group, topic=partition.topic, offset=start)
                start = 0
            self._reading[partition] = _Reading(max(0, start))
        self._wake.set()

    async def _taken(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._reading.pop(partition, None)
        announced = sorted(partitions & self._announced)
        if announced and self._on_revoked is not None:
            await self._on_revoked(announced)
        self._announced -= partitions
