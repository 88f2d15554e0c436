"""How much is still on its way, and whether a rebuilt projection equals the live one."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from shared.bus.base import Bus, Partition
from shared.db.engine import Database
from shared.delivery.inbox import all_offsets
from shared.delivery.passing import is_passing
from shared.delivery.relay import waiting
from shared.runtime.service import Projection, Service

_LOOK_SECONDS = 0.05
_LOOK_SELDOM_SECONDS = 0.5
# So many are not worked off within half a second.
_MANY = 5_000


async def pending(bus: Bus, services: Iterable[tuple[Service, Database]]) -> int:
    """Events in outboxes plus records not yet consumed, over these services; 0 when every figure is final."""
    total = 0
    ends: dict[str, Mapping[Partition, int]] = {}
    for manifest, db in services:
        async with db.read() as tx:
            total += await waiting(tx)
            stored = await all_offsets(tx, [subscription.group for subscription in manifest.subscriptions])
        for subscription in manifest.subscriptions:
            for topic in subscription.topics:
                if topic.name not in ends:
                    ends[topic.name] = await bus.end_offsets(topic.name)
                read = stored[subscription.group]
                total += sum(max(0, end - read.get(partition, 0)) for partition, end in ends[topic.name].items())
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
        try:
            left = await pending(bus, services)
        except Exception as error:
            # Whoever waits has time: a server that is busy now answers later.
            if not is_passing(error) or monotonic() > deadline:
                raise
            await asyncio.sleep(_LOOK_SELDOM_SECONDS)
            continue
        moved(left)
        quiet = quiet + 1 if left == 0 else 0
        if monotonic() > deadline:
            raise TimeoutError(f"{left} events were still on their way after {patience_seconds:.0f} s")
        # Looking costs those that work on it.
        await asyncio.sleep(_LOOK_SELDOM_SECONDS if left > _MANY else _LOOK_SECONDS)


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
        await tx.execute("TRUNCATE " + ", ".join((*projection.tables, *projection.unfinished)))


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
