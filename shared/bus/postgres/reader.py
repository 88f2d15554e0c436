"""Reads records of one topic: all wanted partitions in one statement, bounded in number and bytes."""

from collections.abc import Mapping

from shared.bus.base import Partition, Record
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.writer import unpack_headers

QUERY_SECONDS = 8.0
# Of one fetch, shared by its partitions; a partition gets one record at least.
MAX_FETCH_BYTES = 8_000_000

_FETCH = """
    SELECT p.partition, r."offset", r.key, r.value, r.headers, r.ts
    FROM unnest($1::int[], $2::bigint[]) AS p(partition, start)
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT t.*, sum(octet_length(t.value)) OVER (ORDER BY t."offset") - octet_length(t.value) AS before
            FROM (
                SELECT "offset", key, value, headers, ts FROM {table}
                WHERE partition = p.partition AND "offset" >= p.start ORDER BY "offset" LIMIT $3
            ) t
        ) sized WHERE before < $4
    ) r
    ORDER BY p.partition, r."offset"
"""


async def fetch(
    connections: Connections, table: str, positions: Mapping[Partition, int], max_records: int
) -> dict[Partition, list[Record]]:
    """The next records of each partition, from its position on; a partition without any is left out."""
    by_index = {partition.index: partition for partition in positions}
    async with connections.use(QUERY_SECONDS) as connection:
        rows = await connection.fetch(
            _FETCH.format(table=table),
            list(by_index),
            list(positions.values()),
            max_records,
            MAX_FETCH_BYTES // len(positions),
        )
    found: dict[Partition, list[Record]] = {}
    for index, offset, key, value, headers, timestamp in rows:
        partition = by_index[index]
        record = Record(partition, offset, key, value, unpack_headers(headers) if headers else (), timestamp)
        found.setdefault(partition, []).append(record)
    return found
