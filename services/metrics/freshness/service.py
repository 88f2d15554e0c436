"""How far the figures are behind the bus."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from services.metrics.domain.staleness import Position, staleness_seconds
from services.metrics.freshness import repository
from shared.bus.base import Bus, BusUnavailable, Partition
from shared.clock import Clock
from shared.db.engine import ReadTx
from shared.delivery.subscription import Subscription

# The ends of the log are asked for at most this often; what a figure says of its age is right all the same.
_KEEP = timedelta(seconds=1)
_PATIENCE_SECONDS = 1.0

Ends = Mapping[Partition, int]


class Freshness:
    """Compares what these subscriptions have read with the ends of the log."""

    def __init__(self, bus: Bus, clock: Clock, subscriptions: Sequence[Subscription]) -> None:
        self._sources = [(each.group, topic.name) for each in subscriptions for topic in each.topics]
        self._bus = bus
        self._clock = clock
        self._measured: tuple[datetime, Ends] | None = None

    async def ends(self) -> tuple[datetime, Ends] | None:
        """When the ends of the log were asked for, and where they were; None if the bus does not answer.

        Ask before opening the transaction that reads the figures: what that sees is then not older than this says.
        """
        now = self._clock.now()
        if self._measured is not None and now - self._measured[0] < _KEEP:
            return self._measured
        ends: dict[Partition, int] = {}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for topic in dict.fromkeys(topic for _, topic in self._sources):
                    ends.update(await self._bus.end_offsets(topic))
        except (BusUnavailable, OSError, TimeoutError):
            return None
        self._measured = (now, ends)
        return self._measured

    async def staleness(self, tx: ReadTx, measured: tuple[datetime, Ends] | None) -> float | None:
        """Seconds by which what `tx` sees may be behind."""
        if measured is None:
            return None
        measured_at, ends = measured
        read = await repository.positions(tx, [group for group, _ in self._sources])
        positions = [
            Position(*read.get((group, partition), (0, None)), end=end)
            for group, topic in self._sources
            for partition, end in ends.items()
            if partition.topic == topic
        ]
        return staleness_seconds(positions, now=self._clock.now(), measured_at=measured_at)
