"""The relay: the only one that publishes. One active per service, under a lease.

It takes unpublished rows in order and deletes them after the bus confirmed them. It never tails by `id > last`:
a smaller id can commit later, and would be skipped. Order per customer holds because whoever writes about a customer
holds that customer's rows from emit to commit.
If the bus does not answer, the outcome is unknown: the rows stay and are sent again, with the same ids.
"""

import asyncio
import contextlib
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from shared.bus.base import Bus, BusUnavailable
from shared.db.engine import Database, ReadTx
from shared.db.peephole import Peephole
from shared.delivery.leases import drop_lease, take_lease
from shared.delivery.outbox import OutboxWriter, records_of
from shared.observability import metrics
from shared.observability.logging import logger

log = logger(__name__)

LEASE = "relay"
LEASE_SECONDS = 5.0
BATCH = 4_000
BATCH_BYTES = 8_000_000
IDLE_SECONDS = 0.2
# After a batch that was not full: events that come one by one shall not each cost three transactions.
PACE_SECONDS = 0.03
BACKOFF_SECONDS = 0.5

# Whole rows, of which the last may go over the batch and over its bytes.
_NEXT = """
    SELECT id, topics, keys, "values", headers FROM (
        SELECT id, topics, keys, "values", headers,
            sum(records) OVER (ORDER BY id) - records AS before,
            sum(size) OVER (ORDER BY id) - size AS bytes_before
        FROM (SELECT *, pg_column_size("values") AS size FROM outbox ORDER BY id LIMIT :batch) AS first
    ) AS counted WHERE before < :batch AND bytes_before < :bytes ORDER BY id
"""


class Relay:
    """Moves one service's outbox to the bus until it is cancelled."""

    def __init__(self, *, db: Database, bus: Bus, outbox: OutboxWriter, owner: UUID) -> None:
        self._db = db
        self._bus = bus
        self._outbox = outbox
        self._owner = owner
        self._outbox_is_filled = Peephole(db, "SELECT EXISTS (SELECT FROM outbox)")

    @property
    def service(self) -> str:
        """Whose outbox it empties."""
        return self._db.schema

    async def run(self) -> None:
        """Relay until cancelled; then give the lease back."""
        is_woken = True
        try:
            while True:
                try:
                    # A look costs a tenth of a turn with the lease, and idling is nothing but looks.
                    moved = await self.relay_once() if is_woken or await self._outbox_is_filled.look() else 0
                except (BusUnavailable, SQLAlchemyError, OSError, TimeoutError) as error:
                    log.warning("relay_waits", service=self._db.schema, error=type(error).__name__)
                    await asyncio.sleep(BACKOFF_SECONDS)
                    continue
                is_woken = bool(moved) or await self._wait()
                if 0 < moved < BATCH:
                    await asyncio.sleep(PACE_SECONDS)
        finally:
            await self._outbox_is_filled.close()
            with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
                async with asyncio.timeout(2), self._db.write() as tx:
                    await drop_lease(tx, LEASE, self._owner)

    async def _wait(self) -> bool:
        """Wait until this process writes into the outbox (True), or another may have."""
        # Not wait_for: until Python 3.12 it can swallow a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._outbox.wake.wait()
        is_woken = self._outbox.wake.is_set()
        self._outbox.wake.clear()
        return is_woken

    async def relay_once(self) -> int:
        """Publish one batch; the number of events moved, 0 while another relay holds the lease."""
        async with self._db.write() as tx:
            if not await take_lease(tx, LEASE, self._owner, seconds=LEASE_SECONDS):
                return 0
            rows = (await tx.execute(_NEXT, {"batch": BATCH, "bytes": BATCH_BYTES})).fetchall()
        if not rows:
            return 0
        records = [record for row in rows for record in records_of(row)]
        await self._bus.append(records)
        async with self._db.write() as tx:
            await tx.execute("DELETE FROM outbox WHERE id = ANY(:ids)", {"ids": [row.id for row in rows]})
        metrics.RELAYED.labels(self._db.schema).inc(len(records))
        return len(records)


async def waiting(tx: ReadTx) -> int:
    """How many events wait in the outbox."""
    number: int = (await tx.execute("SELECT coalesce(sum(records), 0) FROM outbox")).scalar_one()
    return number


async def measure_outbox(db: Database) -> None:
    """Set the gauges of what waits in the outbox."""
    async with db.read() as tx:
        row = (
            await tx.execute(
                "SELECT coalesce(sum(records), 0) AS pending, "
                "coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) AS age FROM outbox"
            )
        ).one()
    metrics.OUTBOX_PENDING.labels(db.schema).set(row.pending)
    metrics.OUTBOX_AGE.labels(db.schema).set(float(row.age))
