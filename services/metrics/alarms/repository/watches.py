"""Watches, as they were entered."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from services.metrics.alarms.domain.watch import Watch
from shared.db.engine import ReadTx, WriteTx

_NAMES = tuple(each.name for each in fields(Watch))
_COLUMNS = ", ".join(_NAMES)


async def watches(tx: ReadTx) -> list[Watch]:
    """All there are, in the order of their names."""
    rows = await tx.execute(f"SELECT {_COLUMNS} FROM alarm_watches WHERE NOT is_removed ORDER BY name, id")
    return [_watch(row) for row in rows]


async def watch(tx: ReadTx, watch_id: UUID) -> Watch | None:
    """One of them."""
    found = await _some(tx, [watch_id], "AND NOT is_removed")
    return found[0] if found else None


async def any_watches(tx: ReadTx, ids: Sequence[UUID]) -> dict[UUID, Watch]:
    """These, removed ones too: their alarms are still told of."""
    return {each.id: each for each in await _some(tx, ids, "")}


async def lock(tx: WriteTx, watch_id: UUID) -> Watch | None:
    """One of them, which nobody else evaluates or changes until the transaction ends."""
    found = await _some(tx, [watch_id], "AND NOT is_removed FOR UPDATE")
    return found[0] if found else None


async def hold_all(tx: WriteTx) -> dict[str, UUID]:
    """Their names and ids; nobody adds one or changes its name until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.alarm_watches', 0))")
    rows = await tx.execute("SELECT name, id FROM alarm_watches WHERE NOT is_removed")
    return {row.name: row.id for row in rows}


async def put(tx: WriteTx, watch: Watch, *, at: datetime, by: str) -> None:
    """Enter it, or replace what was entered under its id."""
    values = ", ".join(f":{name}" for name in _NAMES)
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in (*_NAMES[1:], "changed_at", "changed_by"))
    await tx.execute(
        f"INSERT INTO alarm_watches ({_COLUMNS}, changed_at, changed_by) VALUES ({values}, :at, :by) "
        f"ON CONFLICT (id) DO UPDATE SET {changed}",
        {**dict(zip(_NAMES, astuple(watch), strict=True)), "at": at, "by": by},
    )


async def remove(tx: WriteTx, watch_id: UUID, *, at: datetime, by: str) -> None:
    """Watch it no more; what was raised by it stays known."""
    await tx.execute(
        "UPDATE alarm_watches SET is_removed = true, changed_at = :at, changed_by = :by WHERE id = :id",
        {"id": watch_id, "at": at, "by": by},
    )
    await tx.execute("DELETE FROM alarm_arms WHERE watch_id = :id", {"id": watch_id})


async def _some(tx: ReadTx, ids: Sequence[UUID], tail: str) -> list[Watch]:
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM alarm_watches WHERE id = ANY(CAST(:ids AS uuid[])) {tail}", {"ids": list(ids)}
    )
    return [_watch(row) for row in rows]


def _watch(row: Any) -> Watch:
    return Watch(*row)
