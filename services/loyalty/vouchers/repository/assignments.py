"""SQL of assignments: which code was given to whom, and for what."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from shared.db.engine import ReadTx, WriteTx


class Assignment(NamedTuple):
    """A code of a campaign that was assigned to a raw person key. `key` names what for."""

    id: UUID
    campaign_id: UUID
    person: UUID
    key: str
    code_id: UUID
    assigned_at: datetime
    assigned_by: str


_COLUMNS = ", ".join(Assignment._fields)


async def by_key(tx: ReadTx, campaign: UUID, key: str) -> Assignment | None:
    """What was assigned under this key."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM assignments WHERE campaign_id = :campaign AND key = :key",
        {"campaign": campaign, "key": key},
    )
    row = rows.one_or_none()
    return None if row is None else Assignment._make(row)


async def first_of(tx: ReadTx, campaign: UUID, keys: Collection[UUID]) -> UUID | None:
    """The first code of a campaign that a person with these keys was assigned."""
    rows = await tx.execute(
        "SELECT code_id FROM assignments WHERE campaign_id = :campaign AND person = ANY(:keys) "
        "ORDER BY assigned_at, id LIMIT 1",
        {"campaign": campaign, "keys": list(keys)},
    )
    row = rows.one_or_none()
    return None if row is None else row.code_id


async def add(tx: WriteTx, assignment: Assignment) -> bool:
    """Keep an assignment, unless its key has assigned already; whether it was kept."""
    done = await tx.execute(
        f"INSERT INTO assignments ({_COLUMNS}) "
        f"VALUES ({', '.join(f':{name}' for name in Assignment._fields)}) ON CONFLICT (campaign_id, key) DO NOTHING",
        assignment._asdict(),
    )
    return done.rowcount == 1


async def of_person(tx: ReadTx, keys: Collection[UUID], *, before: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Ids of the codes that are assigned to a person with these keys, the latest first."""
    rows = await tx.execute(
        f"""
        SELECT id FROM codes WHERE holder = ANY(:keys) {"" if before is None else "AND id < :before"}
        ORDER BY id DESC LIMIT :limit
        """,
        {"keys": list(keys), "limit": limit, **({} if before is None else {"before": before})},
    )
    return rows.fetchall()
