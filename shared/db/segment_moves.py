"""Who is in which segment: a service's own copy, kept as moves under raw person keys.

The table `segment_moves` (customer uuid, segment_id uuid, at timestamptz, event_id uuid, is_entered boolean; all but
the last are its key) is the same whatever order events come in and however often. Of one key and segment the latest
move until an instant says where they are; a person is in what one of their keys is in.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import SegmentEntered, SegmentLeft
from shared.events.envelope import Event

_COLUMNS = {
    "customer": "uuid",
    "segment_id": "uuid",
    "at": "timestamptz",
    "event_id": "uuid",
    "is_entered": "boolean",
}
_INSIDE = """
    SELECT customer, segment_id FROM (
        SELECT DISTINCT ON (customer, segment_id) customer, segment_id, is_entered FROM segment_moves
        WHERE customer = ANY(:keys) AND at <= :at ORDER BY customer, segment_id, at DESC, event_id DESC
    ) latest WHERE is_entered
"""
_MEMBERS = """
    SELECT customer FROM (
        SELECT DISTINCT ON (customer, segment_id) customer, is_entered FROM segment_moves
        WHERE segment_id = ANY(:segments) AND customer > :after AND at <= :at
        ORDER BY customer, segment_id, at DESC, event_id DESC
    ) latest WHERE is_entered GROUP BY customer ORDER BY customer LIMIT :limit
"""


async def record(tx: WriteTx, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]) -> list[tuple[UUID, UUID]]:
    """Note who entered and who left which segment; the person key and the segment of the moves that are new."""
    moves = {
        (event.subject, event.data.segment_id, event.time, event.id, isinstance(event.data, SegmentEntered))
        for event in events
    }
    tail = "ON CONFLICT DO NOTHING RETURNING customer, segment_id"
    rows = await insert_rows(tx, "segment_moves", _COLUMNS, sorted(moves), tail)
    return [(row.customer, row.segment_id) for row in rows]


async def inside(tx: ReadTx, keys: Collection[UUID], at: datetime) -> dict[UUID, set[UUID]]:
    """The segments each of these keys is in at an instant; keys that are in none are left out."""
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in await tx.execute(_INSIDE, {"keys": list(keys), "at": at}):
        found[row.customer].add(row.segment_id)
    return dict(found)


async def members_page(
    tx: ReadTx, segments: Collection[UUID], at: datetime, *, after: UUID | None, limit: int
) -> list[UUID]:
    """Keys that are in one of the segments at an instant, in ascending order, those behind `after`."""
    rows = await tx.execute(
        _MEMBERS, {"segments": list(segments), "at": at, "after": after or UUID(int=0), "limit": limit}
    )
    return [row.customer for row in rows]
