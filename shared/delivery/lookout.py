"""What somebody else may have done to the consumers of a service: moved their offsets, asked for dead letters again.

One look serves all consumers of the process, which would else each ask every second for as long as it lives. What is
seen is a moment old: whoever seems to be concerned looks for themselves before they do anything.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic

from shared.bus.base import Partition
from shared.db.engine import Database

LOOK_SECONDS = 1.0

_LOOK = """
    SELECT consumer, topic, partition, next_offset FROM offsets
    UNION ALL SELECT DISTINCT consumer, '', 0, 0::bigint FROM dead_letters WHERE status = 'retry'
"""


class Lookout:
    """Looks at the offsets and the dead letters of one service, at most once a second."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._offsets: dict[tuple[str, str, int], int] = {}
        self._asked: set[str] = set()

    async def concerns(self, consumer: str, positions: Mapping[Partition, int]) -> bool:
        """Whether a consumer that stands at these positions seems to be meant."""
        if monotonic() >= self._until:
            async with self._lock:
                if monotonic() >= self._until:
                    await self._look()
        if consumer in self._asked:
            return True
        return any(
            self._offsets.get((consumer, partition.topic, partition.index), 0) != position
            for partition, position in positions.items()
        )

    async def _look(self) -> None:
        rows = await self._db.call(_LOOK)
        self._offsets = {(row.consumer, row.topic, row.partition): row.next_offset for row in rows if row.topic}
        self._asked = {row.consumer for row in rows if not row.topic}
        self._until = monotonic() + LOOK_SECONDS
