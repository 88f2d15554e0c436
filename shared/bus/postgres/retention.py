"""Forgets old records, a few at a time, so that nobody waits for it."""

import asyncio

from shared.bus.base import Partition
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.tables import table_of
from shared.observability.logging import logger

log = logger(__name__)

TRIM_SECONDS = 60.0
BATCH = 2_000
REST_SECONDS = 0.02
QUERY_SECONDS = 20.0

# The oldest rows of a partition come first; `$2` spares walking over index entries of those deleted before.
_TRIM = """
    WITH oldest AS MATERIALIZED (
        SELECT last_offset, ts FROM {table} WHERE partition = $1 AND last_offset >= $2 ORDER BY last_offset LIMIT $3
    ), kept AS (
        SELECT min(last_offset) AS last_offset FROM oldest WHERE ts >= clock_timestamp() - make_interval(secs => $4)
    ), gone AS (
        DELETE FROM {table} r USING oldest o
        WHERE r.partition = $1 AND r.last_offset = o.last_offset
          AND NOT coalesce(o.last_offset >= (SELECT k.last_offset FROM kept k), false)
        RETURNING r.last_offset, r.records
    )
    SELECT count(*), coalesce(sum(records), 0), max(last_offset) FROM gone
"""


class Trimmer:
    """Deletes records past their topic's retention."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._floors: dict[Partition, int] = {}

    async def run(self) -> None:
        """Trim once a minute until cancelled."""
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            try:
                await self.trim()
            except Exception as error:  # noqa: BLE001 - next minute again; the log must not grow for ever
                log.warning("trim_failed", error=type(error.__cause__ or error).__name__)

    async def trim(self) -> int:
        """Delete all that is past its time; the number of records."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            topics = await connection.fetch(
                "SELECT name, partitions, retention_seconds FROM topics WHERE retention_seconds IS NOT NULL"
            )
        total = 0
        for name, partitions, seconds in topics:
            for index in range(partitions):
                total += await self._trim_partition(Partition(name, index), seconds)
        return total

    async def _trim_partition(self, partition: Partition, seconds: float) -> int:
        statement = _TRIM.format(table=table_of(partition.topic))
        total = 0
        while True:
            async with self._connections.use(QUERY_SECONDS) as connection:
                rows, records, last = await connection.fetchrow(
                    statement, partition.index, self._floors.get(partition, 0), BATCH, seconds
                )
            if last is not None:
                self._floors[partition] = last + 1
            total += int(records)
            if rows < BATCH:
                return total
            await asyncio.sleep(REST_SECONDS)
