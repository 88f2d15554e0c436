"""Reads records of one topic: all wanted partitions in one statement, bounded in number and bytes."""

from collections.abc import Mapping

from shared.bus.base import Partition, Record
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.writer import unpack_headers

QUERY_SECONDS = 8.0
# Of one fetch, shared by its partitions; a partition gets one record at least.
MAX_FETCH_BYTES = 8_000_000

_FETCH = """
    SELECT p.partition, r.last_offset, r.records, r.ts, r.keys, r."values", r.headers
    FROM unnest($1::int[], $2::bigint[]) AS p(partition, start)
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT t.*, sum(records) OVER earlier AS records_before, sum(bytes) OVER earlier AS bytes_before
            FROM (
                SELECT last_offset, records, bytes, ts, keys, "values", headers FROM {table}
                WHERE partition = p.partition AND last_offset >= p.start ORDER BY last_offset LIMIT $3
            ) t
            WINDOW earlier AS (ORDER BY last_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ) sized WHERE records_before IS NULL OR records_before < $3 AND bytes_before < $4
    ) r
    ORDER BY p.partition, r.last_offset
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
    for index, last, number, ts, keys, values, packed in rows:
        partition = by_index[index]
        records = found.setdefault(partition, [])
        first = last - number + 1
        # The first row may begin before our position, the last end after what was asked for.
        lower = max(0, positions[partition] - first)
        upper = min(number, lower + max_records - len(records))
        for at in range(lower, upper):
            headers = unpack_headers(packed[at]) if packed is not None and packed[at] is not None else ()
            records.append(Record(partition, first + at, keys[at], values[at], headers, ts))
    return found
