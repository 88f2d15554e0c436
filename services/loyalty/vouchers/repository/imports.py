"""SQL of imports of files: how far each is, which lines it refused, and what it has seen."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_IMPORT = (
    "id, campaign_id, key, asked, is_dry_run, to_assign, state, problem, rows, imported, refused, reasons, digest, "
    "created_at, created_by, changed_at, finished_at"
)


class Import(NamedTuple):
    """An import as it stands. `digest` is a keyed hash of the `rows` that were read; `key` lets it go on."""

    id: UUID
    campaign_id: UUID
    key: str | None
    asked: bytes
    is_dry_run: bool
    to_assign: bool
    state: str
    problem: str | None
    rows: int
    imported: int
    refused: int
    reasons: dict[str, int]
    digest: bytes
    created_at: datetime
    created_by: str
    changed_at: datetime
    finished_at: datetime | None


class Refusal(NamedTuple):
    """A line that was refused."""

    line: int
    reason: str


def _import(row: Row[Any] | None) -> Import | None:
    return None if row is None else Import._make(row)


async def add(tx: WriteTx, new: Import) -> bool:
    """Keep a new one; False if there is one with its key."""
    names = [name.strip() for name in _IMPORT.split(",")]
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name == "reasons" else f":{name}" for name in names)
    added = await tx.execute(
        f"INSERT INTO code_imports ({_IMPORT}) VALUES ({values}) ON CONFLICT (key) DO NOTHING RETURNING id",
        new._asdict() | {"reasons": orjson.dumps(new.reasons).decode()},
    )
    return added.one_or_none() is not None


async def get(tx: ReadTx, import_id: UUID) -> Import | None:
    """The import."""
    return _import((await tx.execute(f"SELECT {_IMPORT} FROM code_imports WHERE id = :id", {"id": import_id})).first())


async def of_key(tx: ReadTx, key: str) -> Import | None:
    """The import that was begun with a key."""
    return _import((await tx.execute(f"SELECT {_IMPORT} FROM code_imports WHERE key = :key", {"key": key})).first())


async def locked(tx: WriteTx, import_id: UUID) -> Import | None:
    """The import, for whoever alone works on it until the transaction ends."""
    rows = await tx.execute(f"SELECT {_IMPORT} FROM code_imports WHERE id = :id FOR UPDATE", {"id": import_id})
    return _import(rows.first())


async def of_campaign(tx: ReadTx, campaign: UUID, *, before: UUID | None, limit: int) -> list[Import]:
    """The imports of a campaign, the latest first."""
    rows = await tx.execute(
        f"""
        SELECT {_IMPORT} FROM code_imports WHERE campaign_id = :campaign {"" if before is None else "AND id < :before"}
        ORDER BY id DESC LIMIT :limit
        """,
        {"campaign": campaign, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [Import._make(row) for row in rows]


async def progress(tx: WriteTx, now_at: Import, refused: Sequence[Refusal]) -> None:
    """Note how far it is, with the lines of this step that were refused."""
    await tx.execute(
        "UPDATE code_imports SET rows = :rows, imported = :imported, refused = :refused, digest = :digest, "
        "reasons = CAST(:reasons AS jsonb), changed_at = :changed_at, state = :state, problem = :problem, "
        "finished_at = :finished_at "
        "WHERE id = :id",
        now_at._asdict() | {"reasons": orjson.dumps(now_at.reasons).decode()},
    )
    await insert_rows(
        tx,
        "code_import_refusals",
        {"import_id": "uuid", "line": "bigint", "reason": "text"},
        [(now_at.id, *each) for each in refused],
    )
    if now_at.state == "done":
        await forget_seen(tx, now_at.id)


async def refusals(tx: ReadTx, import_id: UUID, *, after: int, limit: int) -> list[Refusal]:
    """The lines that were refused, from a line on."""
    rows = await tx.execute(
        "SELECT line, reason FROM code_import_refusals WHERE import_id = :id AND line > :after "
        "ORDER BY line LIMIT :limit",
        {"id": import_id, "after": after, "limit": limit},
    )
    return [Refusal._make(row) for row in rows]


async def see(tx: WriteTx, import_id: UUID, fingerprints: Collection[bytes]) -> set[bytes]:
    """Note keyed hashes that a dry run comes across; those that it had not seen before."""
    rows = await insert_rows(
        tx,
        "code_import_seen",
        {"import_id": "uuid", "fingerprint": "bytea"},
        [(import_id, each) for each in sorted(fingerprints)],
        "ON CONFLICT DO NOTHING RETURNING fingerprint",
    )
    return {bytes(row.fingerprint) for row in rows}


async def forget_seen(tx: WriteTx, import_id: UUID) -> None:
    """Forget what a dry run has seen: it is over."""
    await tx.execute("DELETE FROM code_import_seen WHERE import_id = :id", {"id": import_id})


async def end(tx: WriteTx, at: Import, state: str, problem: str, now: datetime) -> None:
    """An import comes no further for now, unless somebody else has brought it further meanwhile."""
    await tx.execute(
        "UPDATE code_imports SET state = :state, problem = :problem, finished_at = :now "
        "WHERE id = :id AND rows = :rows AND state IN ('running', 'interrupted', 'failed')",
        {"id": at.id, "rows": at.rows, "state": state, "problem": problem, "now": now},
    )


async def interrupt(tx: WriteTx, before: datetime, problem: str, now: datetime) -> None:
    """What came no further since a moment is not under way any more: whoever read it was killed, or waits for long."""
    await tx.execute(
        "UPDATE code_imports SET state = 'interrupted', problem = :problem, finished_at = :now "
        "WHERE state = 'running' AND changed_at < :before",
        {"before": before, "problem": problem, "now": now},
    )


async def abandon(tx: WriteTx, before: datetime, now: datetime) -> None:
    """End for good what nobody went on with since a moment."""
    ended = await tx.execute(
        "UPDATE code_imports SET state = 'abandoned', finished_at = :now "
        "WHERE state IN ('interrupted', 'failed') AND changed_at < :before RETURNING id",
        {"before": before, "now": now},
    )
    for row in ended.fetchall():
        await forget_seen(tx, row.id)


async def forget_refusals(tx: WriteTx, before: datetime) -> None:
    """Forget the lines of imports that ended before a moment; how many they were stays."""
    await tx.execute(
        "DELETE FROM code_import_refusals AS r USING code_imports AS i "
        "WHERE i.id = r.import_id AND i.finished_at < :before",
        {"before": before},
    )
