"""Overwrites records in place: the only change that a log ever sees, for people who want to be forgotten."""

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.bus.base import OVERWRITTEN, Doomed, Partition
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.tables import table_of

QUERY_SECONDS = 30.0
# Rows looked at in one statement: at most 64 MB of values.
PIECE = 250
REST_SECONDS = 0.005

_STARTS = """
    SELECT h.partition, coalesce(r.last_offset - r.records + 1, h.next_offset)
    FROM heads h LEFT JOIN LATERAL (
        SELECT last_offset, records FROM {table} WHERE partition = h.partition ORDER BY last_offset LIMIT 1
    ) r ON true
    WHERE h.topic = $1
"""
# The piece is materialized, so that its end is known whatever is found in it.
_FIND = """
    WITH piece AS MATERIALIZED (
        SELECT last_offset FROM {table} WHERE partition = $1 AND last_offset > $2 ORDER BY last_offset LIMIT $3
    )
    SELECT p.last_offset, r.keys, r."values", r.headers FROM piece p
    LEFT JOIN LATERAL (
        SELECT keys, "values", headers FROM {table} t WHERE t.partition = $1 AND t.last_offset = p.last_offset AND (
            t.keys && $4::bytea[]
            OR EXISTS (SELECT FROM unnest($5::bytea[]) n, unnest(t."values") v WHERE position(n IN v) > 0)
        )
    ) r ON true
    ORDER BY p.last_offset
"""
_WRITE = """
    UPDATE {table} SET "values" = $3, headers = $4, bytes = $5 WHERE partition = $1 AND last_offset = $2
"""


async def start_offsets(connections: Connections, topic: str) -> dict[Partition, int]:
    """The offset of the oldest record of each partition; its end where there is none."""
    async with connections.use(QUERY_SECONDS) as connection:
        rows = await connection.fetch(_STARTS.format(table=table_of(topic)), topic)
    return {Partition(topic, index): start for index, start in rows}


async def overwrite(connections: Connections, topic: str, doomed: Doomed) -> int:
    """Overwrite the doomed records of a topic, a piece at a time; how many."""
    async with connections.use(QUERY_SECONDS) as connection:
        partitions = await connection.fetchval("SELECT partitions FROM topics WHERE name = $1", topic)
    total = 0
    for index in range(partitions or 0):
        place: int | None = -1
        while place is not None:
            done, place = await _piece(connections, table_of(topic), index, place, doomed)
            total += done
            await asyncio.sleep(REST_SECONDS)
    return total


async def _piece(
    connections: Connections, table: str, index: int, after: int, doomed: Doomed
) -> tuple[int, int | None]:
    """Overwrite in the rows after an offset; how many records, and where to go on."""
    total = 0
    async with connections.use(QUERY_SECONDS) as connection:
        rows = await connection.fetch(
            _FIND.format(table=table), index, after, PIECE, list(doomed.keys), list(doomed.needles)
        )
        for last_offset, keys, values, headers in rows:
            if keys is None:
                continue
            done, kept, about = _without(doomed, keys, values, headers)
            if done:
                size = sum(map(len, kept))
                await connection.execute(_WRITE.format(table=table), index, last_offset, kept, about, size)
                total += done
    return total, rows[-1][0] if len(rows) == PIECE else None


def _without(
    doomed: Doomed, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[bytes | None] | None
) -> tuple[int, list[bytes], list[Any] | None]:
    """The values and headers of a row with the doomed records overwritten, and how many those are."""
    kept, about = list(values), None if headers is None else list(headers)
    done = 0
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        if value != OVERWRITTEN and (key in doomed.keys or doomed.is_meant(value)):
            kept[place] = OVERWRITTEN
            if about is not None:
                about[place] = None
            done += 1
    return done, kept, about
