"""All SQL of the touchpoints service."""

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_TOUCHPOINTS = {
    "id": "uuid",
    "customer_id": "uuid",
    "source": "text",
    "message_id": "text",
    "call": "text",
    "name": "text",
    "time": "timestamptz",
    "received_at": "timestamptz",
    "properties": "jsonb",
    "context": "jsonb",
}
_QUARANTINE = {
    "id": "uuid",
    "source": "text",
    "message_id": "text",
    "code": "text",
    "message": "text",
    "raw": "text",
    "received_at": "timestamptz",
}


class TouchpointRow(NamedTuple):
    """A row of `touchpoints`; `properties` and `context` as JSON text on the way in, decoded on the way out."""

    id: UUID
    customer_id: UUID
    source: str
    message_id: str
    call: str
    name: str
    time: datetime
    received_at: datetime
    properties: Any
    context: Any


class QuarantineRow(NamedTuple):
    """A row of `quarantine`."""

    id: UUID
    source: str
    message_id: str | None
    code: str
    message: str
    raw: str
    received_at: datetime


class CodeCount(NamedTuple):
    """How many events of a source wait in the quarantine for one reason."""

    source: str
    code: str
    events: int


async def insert_touchpoints(tx: WriteTx, rows: Sequence[TouchpointRow]) -> Set[UUID]:
    """Store touchpoints; one that is there already stays as it is. The ids of those that were not there."""
    by_id = sorted(rows, key=lambda row: row.id.int)
    added = await insert_rows(tx, "touchpoints", _TOUCHPOINTS, by_id, "ON CONFLICT (id) DO NOTHING RETURNING id")
    return {row.id for row in added}


async def insert_quarantine(tx: WriteTx, rows: Sequence[QuarantineRow]) -> None:
    """Store refused events; the same one refused again stands there once, with the newest time."""
    by_id = sorted(rows, key=lambda row: row.id.int)
    await insert_rows(
        tx,
        "quarantine",
        _QUARANTINE,
        by_id,
        "ON CONFLICT (id) DO UPDATE SET received_at = greatest(quarantine.received_at, EXCLUDED.received_at)",
    )


async def journey(
    tx: ReadTx,
    customer_ids: Sequence[UUID],
    *,
    names: Sequence[str] | None,
    besides: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[TouchpointRow]:
    """The newest touchpoints of one person under all their keys, of these names and none of those `besides`, older
    than `before`, newest first.

    Each key is read from `touchpoints_journey` in its order, so a long history costs a page, not itself.
    """
    time, last = before or (None, None)
    rows = await tx.execute(
        """
        SELECT own.* FROM unnest(CAST(:customer_ids AS uuid[])) AS key(customer_id), LATERAL (
            SELECT id, customer_id, source, message_id, call, name, time, received_at, properties, context
            FROM touchpoints
            WHERE customer_id = key.customer_id
              AND (CAST(:names AS text[]) IS NULL OR name = ANY(:names)) AND NOT name = ANY(:besides)
              AND (CAST(:since AS timestamptz) IS NULL OR time >= :since)
              AND (CAST(:until AS timestamptz) IS NULL OR time < :until)
              AND (CAST(:time AS timestamptz) IS NULL OR (time, id) < (:time, :last))
            ORDER BY time DESC, id DESC LIMIT :limit
        ) AS own
        ORDER BY own.time DESC, own.id DESC LIMIT :limit
        """,
        {
            "customer_ids": list(customer_ids),
            "names": None if names is None else list(names),
            "besides": list(besides),
            "since": since,
            "until": until,
            "time": time,
            "last": last,
            "limit": limit,
        },
    )
    return [TouchpointRow._make(row) for row in rows]


async def quarantined(
    tx: ReadTx, *, code: str | None, source: str | None, before: tuple[datetime, UUID] | None, limit: int
) -> list[QuarantineRow]:
    """Refused events, newest first."""
    time, last = before or (None, None)
    rows = await tx.execute(
        """
        SELECT id, source, message_id, code, message, raw, received_at FROM quarantine
        WHERE (CAST(:code AS text) IS NULL OR code = :code)
          AND (CAST(:source AS text) IS NULL OR source = :source)
          AND (CAST(:time AS timestamptz) IS NULL OR (received_at, id) < (:time, :last))
        ORDER BY received_at DESC, id DESC LIMIT :limit
        """,
        {"code": code, "source": source, "time": time, "last": last, "limit": limit},
    )
    return [QuarantineRow._make(row) for row in rows]


async def count_quarantined(tx: ReadTx) -> list[CodeCount]:
    """How many events wait, by source and reason, most first."""
    rows = await tx.execute(
        "SELECT source, code, count(*) FROM quarantine GROUP BY source, code ORDER BY count(*) DESC, source, code"
    )
    return [CodeCount._make(row) for row in rows]


async def trim_touchpoints(tx: WriteTx, *, older_than: timedelta, most: int) -> int:
    """Delete up to `most` touchpoints that came in longer ago; how many."""
    return await _trim(tx, "touchpoints", older_than, most)


async def trim_quarantine(tx: WriteTx, *, older_than: timedelta, most: int) -> int:
    """Delete up to `most` refused events that came in longer ago; how many."""
    return await _trim(tx, "quarantine", older_than, most)


async def _trim(tx: WriteTx, table: str, older_than: timedelta, most: int) -> int:
    result = await tx.execute(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
        f"SELECT ctid FROM {table} WHERE received_at < now() - make_interval(secs => :age) LIMIT :most))",
        {"age": older_than.total_seconds(), "most": most},
    )
    return result.rowcount
