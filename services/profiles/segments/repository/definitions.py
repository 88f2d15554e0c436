"""The SQL of segments as they are defined, of static lists, and of reading who is in what."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.profiles.people.repository import Beside
from services.profiles.segments.domain.definition import Belonging, Member, Segment, Version
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_SEGMENT = (
    "SELECT id, kind, name, description, rule, version, is_built, created_at, updated_at, updated_by "
    "FROM segments WHERE NOT is_deleted"
)


async def get(tx: ReadTx, segment_id: UUID) -> Segment | None:
    """The segment, if there is one."""
    row = (await tx.execute(f"{_SEGMENT} AND id = :id", {"id": segment_id})).one_or_none()
    return None if row is None else Segment._make(row)


async def listed(tx: ReadTx, *, after: UUID | None, limit: int) -> list[Segment]:
    """Segments, those made last first."""
    rows = await tx.execute(
        f"{_SEGMENT} {'' if after is None else 'AND id < :after'} ORDER BY id DESC LIMIT :limit",
        {"limit": limit, **({} if after is None else {"after": after})},
    )
    return [Segment._make(row) for row in rows]


async def namesake(tx: ReadTx, name: str) -> UUID | None:
    """The segment that has this name, in whatever case."""
    rows = await tx.execute(
        "SELECT id FROM segments WHERE NOT is_deleted AND lower(name) = lower(CAST(:name AS text))", {"name": name}
    )
    found: UUID | None = rows.scalar_one_or_none()
    return found


async def count(tx: ReadTx) -> int:
    """How many segments there are."""
    return int((await tx.execute("SELECT count(*) FROM segments WHERE NOT is_deleted")).scalar_one())


async def put(tx: WriteTx, segment: Segment) -> None:
    """Write a new segment, or a new version of one, and remember it; everybody is to be asked if it is not built."""
    values: dict[str, Any] = segment._asdict()
    values["rule"] = None if segment.rule is None else orjson.dumps(segment.rule).decode()
    await tx.execute(
        """
        INSERT INTO segments
            (id, kind, name, description, rule, version, is_built, created_at, updated_at, updated_by)
        VALUES (:id, :kind, :name, :description, CAST(:rule AS jsonb), :version, :is_built, :created_at, :updated_at,
                :updated_by)
        ON CONFLICT (id) DO UPDATE SET
            name = EXCLUDED.name, description = EXCLUDED.description, rule = EXCLUDED.rule,
            version = EXCLUDED.version, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by,
            is_built = segments.is_built AND EXCLUDED.is_built,
            built_to = CASE WHEN EXCLUDED.is_built THEN segments.built_to END
        """,
        values,
    )
    await tx.execute(
        "INSERT INTO segment_versions (segment_id, version, name, description, rule, changed_at, changed_by) "
        "SELECT id, version, name, description, rule, updated_at, updated_by FROM segments WHERE id = :id",
        {"id": segment.id},
    )


async def delete(tx: WriteTx, segment_id: UUID) -> None:
    """Take a segment away; its members leave it one after the other."""
    await tx.execute("UPDATE segments SET is_deleted = true WHERE id = :id", {"id": segment_id})


async def versions(tx: ReadTx, segment_id: UUID, *, before: int | None, limit: int) -> list[Version]:
    """What the segment was, the latest first."""
    rows = await tx.execute(
        "SELECT version, name, description, rule, changed_at, changed_by FROM segment_versions "
        f"WHERE segment_id = :id {'' if before is None else 'AND version < :before'} "
        "ORDER BY version DESC LIMIT :limit",
        {"id": segment_id, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [Version._make(row) for row in rows]


async def size(tx: ReadTx, segment_id: UUID) -> int:
    """How many people are in the segment (its part of the primary key's index)."""
    rows = await tx.execute("SELECT count(*) FROM memberships WHERE segment_id = :id", {"id": segment_id})
    return int(rows.scalar_one())


async def members(tx: ReadTx, segment_id: UUID, *, after: UUID | None, limit: int) -> list[Member]:
    """People in the segment, by id."""
    rows = await tx.execute(
        "SELECT customer_id, since FROM memberships "
        f"WHERE segment_id = :id {'' if after is None else 'AND customer_id > :after'} "
        "ORDER BY customer_id LIMIT :limit",
        {"id": segment_id, "limit": limit, **({} if after is None else {"after": after})},
    )
    return [Member._make(row) for row in rows]


# The segments that a person is in, by name.
BELONGINGS = Beside(
    "SELECT segment_id, name, since FROM memberships JOIN segments ON segments.id = segment_id "
    "WHERE customer_id = {root} AND NOT is_deleted ORDER BY lower(name), segment_id",
    Belonging._make,
)


async def add_to_list(tx: WriteTx, segment_id: UUID, customers: Collection[UUID], *, by: str, now: datetime) -> int:
    """Put person keys on a list; how many were not on it."""
    added = await insert_rows(
        tx,
        "list_members",
        {"customer_id": "uuid", "segment_id": "uuid", "added_at": "timestamptz", "added_by": "text"},
        [(customer, segment_id, now, by) for customer in sorted(customers)],
        "ON CONFLICT DO NOTHING RETURNING true AS added",
    )
    return len(added)


async def remove_from_list(tx: WriteTx, segment_id: UUID, keys: Collection[UUID]) -> None:
    """Take person keys off a list."""
    await tx.execute(
        "DELETE FROM list_members WHERE segment_id = :segment AND customer_id = ANY(CAST(:keys AS uuid[]))",
        {"segment": segment_id, "keys": list(keys)},
    )


async def on_list(tx: ReadTx, segment_id: UUID, keys: Collection[UUID]) -> set[UUID]:
    """Those of the person keys that are on a list."""
    rows = await tx.execute(
        "SELECT customer_id FROM list_members WHERE segment_id = :segment AND customer_id = ANY(CAST(:keys AS uuid[]))",
        {"segment": segment_id, "keys": list(keys)},
    )
    return {row.customer_id for row in rows}
