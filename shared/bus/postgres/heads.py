"""Where each partition ends: told at once by the appends of this process, asked of the database for all others.

Consumers read records only when there are some, so an idle consumer costs nothing and all of a process share one
small query.
"""

import asyncio
from collections.abc import Iterable, Mapping

from shared.bus.base import BusUnavailable, Partition
from shared.bus.postgres.connections import Connections
from shared.observability.logging import logger

log = logger(__name__)

ACTIVE_SECONDS = 0.025
IDLE_SECONDS = 0.15
# When nobody else appends, asking is only a safeguard.
SOLE_SECONDS = 1.0
QUERY_SECONDS = 5.0

_HEADS = "SELECT topic, partition, next_offset FROM heads WHERE topic = ANY($1::text[])"


class Heads:
    """The next offset of each partition, as far as this process knows, and who waits for news."""

    def __init__(self, connections: Connections, *, sole: bool) -> None:
        self._connections = connections
        self._sole = sole
        self._next: dict[Partition, int] = {}
        self._waiters: dict[asyncio.Event, frozenset[str]] = {}
        self._looked_for = asyncio.Event()

    def watch(self, topics: Iterable[str], wake: asyncio.Event) -> None:
        """Set `wake` whenever one of the topics grows."""
        self._waiters[wake] = frozenset(topics)
        self._looked_for.set()

    def unwatch(self, wake: asyncio.Event) -> None:
        """No more of that."""
        self._waiters.pop(wake, None)

    def next_offset(self, partition: Partition) -> int:
        """The next offset to be written, as far as known."""
        return self._next.get(partition, 0)

    def note(self, ends: Mapping[Partition, int]) -> bool:
        """Take in news; True if something grew."""
        grown: set[str] = set()
        for partition, end in ends.items():
            if end > self._next.get(partition, -1):
                self._next[partition] = end
                grown.add(partition.topic)
        if grown:
            for wake, topics in self._waiters.items():
                if not topics.isdisjoint(grown):
                    wake.set()
        return bool(grown)

    async def ask(self, topics: Iterable[str]) -> dict[Partition, int]:
        """The ends as the database knows them now."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            rows = await connection.fetch(_HEADS, list(topics))
        ends = {Partition(topic, index): end for topic, index, end in rows}
        self.note(ends)
        return ends

    async def run(self) -> None:
        """Keep asking for the topics that somebody watches."""
        quiet = ACTIVE_SECONDS
        while True:
            if not self._waiters:
                self._looked_for.clear()
                await self._looked_for.wait()
            before = dict(self._next)
            try:
                await self.ask(frozenset().union(*self._waiters.values()))
            except BusUnavailable:
                quiet = IDLE_SECONDS
            except Exception as error:  # noqa: BLE001 - consumers would wait for ever if this ended
                log.error("ends_unknown", error=type(error).__name__)
                quiet = IDLE_SECONDS
            else:
                quiet = ACTIVE_SECONDS if self._next != before else min(IDLE_SECONDS, quiet * 1.5)
            await asyncio.sleep(SOLE_SECONDS if self._sole else quiet)
