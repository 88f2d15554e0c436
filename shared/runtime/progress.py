"""How much is still on its way, and whether a rebuilt projection equals the live one."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from shared.bus.base import Bus, Partition
from shared.db.engine import Database
from shared.delivery.inbox import stored_offsets
from shared.delivery.relay import waiting
from shared.runtime.service import Projection, Service


async def pending(bus: Bus, services: Iterable[tuple[Service, Database]]) -> int:
    """Events in outboxes plus records not yet consumed, over these services; 0 when every figure is final."""
    total = 0
    ends: dict[str, Mapping[Partition, int]] = {}
    for manifest, db in services:
        async with db.read() as tx:
            total += await waiting(tx)
            for subscription in manifest.subscriptions:
                for topic in subscription.topics:
                    if topic.name not in ends:
                        ends[topic.name] = await bus.end_offsets(topic.name)
                    stored = await stored_offsets(tx, subscription.group, list(ends[topic.name]))
                    total += sum(max(0, end - stored[partition]) for partition, end in ends[topic.name].items())
    return total


async def settled(
    bus: Bus,
    services: Sequence[tuple[Service, Database]],
    *,
    moved: Callable[[int], None] = lambda _: None,
    patience_seconds: float = 600.0,
) -> None:
    """Wait until nothing is on its way any more; `moved` hears how much still is.

    Raises:
        TimeoutError: it did not settle in time.
    """
    deadline = monotonic() + patience_seconds
    quiet = 0
    # Twice, for what moved from a place not yet counted to one already counted.
    while quiet < 2:
        left = await pending(bus, services)
        moved(left)
        quiet = quiet + 1 if left == 0 else 0
        if monotonic() > deadline:
            raise TimeoutError(f"{left} events were still on their way after {patience_seconds:.0f} s")
        await asyncio.sleep(0.05)


async def empty_projection(db: Database, projection: Projection) -> None:
    """Empty a projection and send its consumers back to the beginning of their topics, in one transaction.

    Running workers are fenced by the moved offsets, and read on from the beginning.
    """
    async with db.write() as tx:
        groups = list(projection.groups)
        # First: waits for batches under way (also the very first of a partition, whose offset nobody sees yet), and
        # keeps new ones out until we commit.
        await tx.execute("LOCK TABLE offsets IN SHARE ROW EXCLUSIVE MODE")
        await tx.execute(
            "UPDATE offsets SET next_offset = 0, recorded_at = NULL WHERE consumer = ANY(:groups)", {"groups": groups}
        )
        await tx.execute("DELETE FROM inbox WHERE consumer = ANY(:groups)", {"groups": groups})
        await tx.execute("TRUNCATE " + ", ".join(projection.tables))


async def digest(db: Database, tables: Sequence[str]) -> dict[str, str]:
    """A SHA-256 over the rows of each table, whatever order they are stored in."""
    digests: dict[str, str] = {}
    async with db.read() as tx:
        for table in tables:
            rows = await tx.execute(
                f"SELECT md5(row::text) AS hash, count(*) AS times FROM {table} AS row GROUP BY 1 ORDER BY 1"
            )
            lines = "".join(f"{row.hash}{row.times}" for row in rows)
            digests[table] = hashlib.sha256(lines.encode()).hexdigest()
    return digests
