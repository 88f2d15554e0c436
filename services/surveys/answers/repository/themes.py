"""SQL of the rules of themes, in versions, and of responses that were read under older ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.db.engine import ReadTx, WriteTx


class Rules(NamedTuple):
    """A version of the rules; `read_again` of the `to_read` responses that were there were read under it since."""

    version: int
    rules: Mapping[str, Any]
    created_at: datetime
    created_by: str
    to_read: int
    read_again: int
    finished_at: datetime | None


_NAMES = ", ".join(Rules._fields)


async def current_version(tx: ReadTx) -> int:
    """The version that holds; 0: there is none."""
    return int((await tx.execute("SELECT coalesce(max(version), 0) FROM theme_rules")).scalar_one())


async def get(tx: ReadTx, version: int) -> Rules | None:
    """A version of the rules."""
    row = (
        await tx.execute(f"SELECT {_NAMES} FROM theme_rules WHERE version = :version", {"version": version})
    ).one_or_none()
    return None if row is None else Rules._make(row)


async def add(tx: WriteTx, version: int, rules: Mapping[str, Any], *, at: datetime, by: str) -> bool:
    """Store a version; False: somebody else's has this number. Counts what is to be read again."""
    rows = await tx.execute(
        "INSERT INTO theme_rules (version, rules, created_at, created_by, to_read) VALUES (:version, "
        "CAST(:rules AS jsonb), :at, :by, (SELECT count(*) FROM responses WHERE words IS NOT NULL)) "
        "ON CONFLICT DO NOTHING RETURNING version",
        {"version": version, "rules": orjson.dumps(rules).decode(), "at": at, "by": by},
    )
    return rows.one_or_none() is not None


async def unread(tx: WriteTx, version: int, *, most: int) -> Sequence[tuple[UUID, Mapping[str, Any]]]:
    """Responses with text that were read under older rules, and their answers; nobody else reads these now."""
    rows = await tx.execute(
        "SELECT id, answers FROM responses WHERE words IS NOT NULL AND themes_version < :version "
        "ORDER BY themes_version, id LIMIT :most FOR UPDATE SKIP LOCKED",
        {"version": version, "most": most},
    )
    return [(row.id, row.answers) for row in rows]


async def progress(tx: WriteTx, version: int, count: int) -> None:
    """So many more were read under a version."""
    await tx.execute(
        "UPDATE theme_rules SET read_again = read_again + :count WHERE version = :version",
        {"version": version, "count": count},
    )


async def finish(tx: WriteTx, version: int, at: datetime) -> None:
    """All were read under a version."""
    await tx.execute(
        "UPDATE theme_rules SET finished_at = :at WHERE version = :version AND finished_at IS NULL",
        {"version": version, "at": at},
    )
