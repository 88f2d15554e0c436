"""Holds: points set apart for a time. Their transactions are in the ledger, under the operation `hold:<id>`."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class Hold(NamedTuple):
    """Points set apart until `expires_at`; `is_over` by the database's clock."""

    id: UUID
    person_id: UUID
    wallet: str
    points: int
    captured: int
    state: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    is_over: bool


_HOLD = """
    SELECT id, person_id, wallet, points, captured, state, created_at, expires_at, ended_at,
        expires_at <= clock_timestamp() AS is_over
    FROM holds
"""


async def get(tx: ReadTx, hold_id: UUID) -> Hold | None:
    """A hold."""
    row = (await tx.execute(f"{_HOLD} WHERE id = :id", {"id": hold_id})).one_or_none()
    return row and Hold._make(row)


async def put(
    tx: WriteTx, hold_id: UUID, person_id: UUID, wallet: str, points: int, *, expires_at: datetime, now: datetime
) -> None:
    """Store a new hold."""
    await tx.execute(
        "INSERT INTO holds (id, person_id, wallet, points, state, created_at, expires_at) "
        "VALUES (:id, :person, :wallet, :points, 'open', :now, :expires_at)",
        {
            "id": hold_id,
            "person": person_id,
            "wallet": wallet,
            "points": points,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def extend(tx: WriteTx, hold_id: UUID, expires_at: datetime) -> None:
    """Let a hold last until another moment."""
    await tx.execute("UPDATE holds SET expires_at = :at WHERE id = :id", {"id": hold_id, "at": expires_at})


async def end(tx: WriteTx, hold_id: UUID, state: str, captured: int, now: datetime) -> None:
    """Note how a hold ended."""
    await tx.execute(
        "UPDATE holds SET state = :state, captured = :captured, ended_at = :now WHERE id = :id AND state = 'open'",
        {"id": hold_id, "state": state, "captured": captured, "now": now},
    )


async def expired(tx: ReadTx, *, limit: int) -> list[UUID]:
    """Open holds whose time is over by the database's clock, the longest over first."""
    rows = await tx.execute(
        "SELECT id FROM holds WHERE state = 'open' AND expires_at <= clock_timestamp() "
        "ORDER BY expires_at LIMIT :limit",
        {"limit": limit},
    )
    return [row.id for row in rows]


async def open_of(tx: ReadTx, keys: Collection[UUID]) -> list[Hold]:
    """The holds of a person that stand, the oldest first."""
    rows = await tx.execute(
        f"{_HOLD} WHERE state = 'open' AND person_id = ANY(:keys) ORDER BY created_at, id", {"keys": list(keys)}
    )
    return [Hold._make(row) for row in rows]


async def deadline(tx: ReadTx, seconds: int) -> datetime:
    """The moment so many seconds from now, by the database's clock."""
    found = await tx.execute("SELECT clock_timestamp() + make_interval(secs => :seconds)", {"seconds": seconds})
    at: datetime = found.scalar_one()
    return at
