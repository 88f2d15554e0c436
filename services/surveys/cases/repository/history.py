"""SQL of the history of cases, which only grows, and of what staff writes, which can be forgotten."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Entry(NamedTuple):
    """Something that happened in a case; `data` are ids, numbers and words of ours, never a text of somebody."""

    case_id: UUID
    number: int
    version: int
    at: datetime
    by: str
    kind: str
    data: dict[str, Any]


class Note(NamedTuple):
    """What somebody of the staff wrote; `number` is that of the entry it belongs to."""

    case_id: UUID
    number: int
    at: datetime
    by: str
    kind: str
    text: str | None


_ENTRY = {
    "case_id": "uuid",
    "number": "integer",
    "version": "integer",
    "at": "timestamptz",
    "by": "text",
    "kind": "text",
    "data": "jsonb",
}
_NOTE = {"case_id": "uuid", "number": "integer", "at": "timestamptz", "by": "text", "kind": "text", "text": "text"}


async def add(tx: WriteTx, entries: Sequence[Entry], notes: Sequence[Note]) -> None:
    """Something happened."""
    rows = [(*each[:6], orjson.dumps(each.data, default=str).decode()) for each in entries]
    await insert_rows(tx, "case_history", _ENTRY, rows)
    await insert_rows(tx, "case_notes", _NOTE, notes)


async def entries(tx: ReadTx, case_id: UUID, *, after: int, limit: int) -> list[tuple[Entry, str | None]]:
    """What happened in a case, in order, each with what was written about it."""
    rows = await tx.execute(
        "SELECT h.case_id, h.number, h.version, h.at, h.by, h.kind, h.data, n.text FROM case_history AS h "
        "LEFT JOIN case_notes AS n ON n.case_id = h.case_id AND n.number = h.number "
        "WHERE h.case_id = :case AND h.number > :after ORDER BY h.number LIMIT :limit",
        {"case": case_id, "after": after, "limit": limit},
    )
    return [(Entry._make(row[:7]), row.text) for row in rows]
