"""SQL of what was changed because of customers, and of who may be told, or was."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Improvement(NamedTuple):
    """What was changed, in which languages, and because of what."""

    id: UUID
    version: int
    texts: dict[str, str]
    root_causes: list[str]
    cases: list[UUID]
    published_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


_NAMES = ", ".join(Improvement._fields)
_SET = ", ".join(f"{name} = EXCLUDED.{name}" for name in Improvement._fields if name != "id")


async def put(tx: WriteTx, said: Improvement) -> None:
    """Store an improvement as it is now."""
    await tx.execute(
        f"INSERT INTO case_improvements ({_NAMES}) VALUES (:id, :version, CAST(:texts AS jsonb), "
        "CAST(:root_causes AS text[]), CAST(:cases AS uuid[]), :published_at, :created_at, :created_by, :updated_at, "
        f":updated_by) ON CONFLICT (id) DO UPDATE SET {_SET}",
        {**said._asdict(), "texts": orjson.dumps(said.texts).decode()},
    )


async def get(tx: ReadTx, key: UUID, *, is_locked: bool = False) -> Improvement | None:
    """An improvement; locked, nobody else changes it, or says who was told, until the transaction ends."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM case_improvements WHERE id = :id {'FOR UPDATE' if is_locked else ''}", {"id": key}
    )
    return next((Improvement._make(row) for row in rows), None)


async def listed(tx: ReadTx, *, before: UUID | None, limit: int) -> list[Improvement]:
    """Improvements, those made last first."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM case_improvements WHERE CAST(:before AS uuid) IS NULL OR id < :before "
        "ORDER BY id DESC LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [Improvement._make(row) for row in rows]


async def told(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, int]:
    """How many people were told of improvements."""
    rows = await tx.execute(
        "SELECT improvement_id, count(*) AS n FROM case_improvements_told WHERE improvement_id = ANY(:keys) "
        "GROUP BY improvement_id",
        {"keys": list(keys)},
    )
    return {row.improvement_id: row.n for row in rows}


async def missing_cases(tx: ReadTx, wanted: Collection[UUID]) -> list[UUID]:
    """Those of these ids that are no case."""
    rows = await tx.execute("SELECT id FROM cases WHERE id = ANY(:ids)", {"ids": list(wanted)})
    return sorted(set(wanted) - {row.id for row in rows})


async def audience(tx: ReadTx, said: Improvement, *, after: UUID | None, limit: int) -> list[tuple[UUID, UUID]]:
    """Who may be told and was not: each person once, by the smallest of their keys that has a case, with that case.

    A person is all keys of one root: who was told under one key is not told under another. Nobody is told who asked to
    be forgotten, or had the use of their data restricted.
    """
    rows = await tx.execute(
        """
        WITH linked AS (
            SELECT c.person, c.id, coalesce(i.root_id, c.person) AS root FROM cases AS c
            LEFT JOIN identity AS i ON i.raw_id = c.person
            WHERE c.person IS NOT NULL AND NOT c.is_forgotten
                AND (c.root_cause = ANY(:causes) OR c.id = ANY(:cases))
        ), spared AS (
            SELECT coalesce(i.root_id, t.person) AS root FROM case_improvements_told AS t
            LEFT JOIN identity AS i ON i.raw_id = t.person WHERE t.improvement_id = :improvement
            UNION ALL
            SELECT coalesce(i.root_id, r.person) FROM restrictions AS r LEFT JOIN identity AS i ON i.raw_id = r.person
        )
        SELECT DISTINCT ON (root) root, person, id FROM linked
        WHERE root NOT IN (SELECT root FROM spared) AND (CAST(:after AS uuid) IS NULL OR root > :after)
        ORDER BY root, person, id LIMIT :limit
        """,
        {
            "causes": said.root_causes,
            "cases": said.cases,
            "improvement": said.id,
            "after": after,
            "limit": limit,
        },
    )
    return [(row.person, row.id) for row in rows]


async def told_among(tx: ReadTx, key: UUID, persons: Collection[UUID]) -> set[UUID]:
    """Those of these person keys under which somebody was told."""
    rows = await tx.execute(
        "SELECT person FROM case_improvements_told WHERE improvement_id = :key AND person = ANY(:persons)",
        {"key": key, "persons": list(persons)},
    )
    return {row.person for row in rows}


async def tell(tx: WriteTx, key: UUID, persons: Collection[UUID], at: datetime, by: str) -> None:
    """These were told."""
    columns = {"improvement_id": "uuid", "person": "uuid", "at": "timestamptz", "by": "text"}
    await insert_rows(tx, "case_improvements_told", columns, [(key, each, at, by) for each in sorted(persons)])
