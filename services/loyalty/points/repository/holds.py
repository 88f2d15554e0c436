"""Holds: points set apart for a time. Their transactions are in the ledger, under the operation `hold:<id>`."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

State = Literal["open", "captured", "released", "expired"]


class Hold(NamedTuple):
    """Points set apart until `expires_at`; `is_over` by the database's clock. `version` counts what became of them."""

    id: UUID
    person_id: UUID
    wallet: str
    points: int
    captured: int
    state: State
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    version: int
    is_over: bool


_HOLD = """
    SELECT id, person_id, wallet, points, captured, state, created_at, expires_at, ended_at, version,
        expires_at <= clock_timestamp() AS is_over
    FROM holds
"""


async def get(tx: ReadTx, hold_id: UUID) -> Hold | None:
    """A hold."""
    row = (await tx.execute(f"{_HOLD} WHERE id = :id", {"id": hold_id})).one_or_none()
    return row and Hold._make(row)


async def put(tx: WriteTx, hold: Hold) -> None:
    """Store a new hold, or what became of one that stood: its persons are locked."""
    await tx.execute(
        "INSERT INTO holds (id, person_id, wallet, points, captured, state, created_at, expires_at, ended_at, version) "
        "VALUES (:id, :person_id, :wallet, :points, :captured, :state, :created_at, :expires_at, :ended_at, :version) "
        "ON CONFLICT (id) DO UPDATE SET captured = EXCLUDED.captured, state = EXCLUDED.state, "
        "expires_at = EXCLUDED.expires_at, ended_at = EXCLUDED.ended_at, version = EXCLUDED.version",
        hold._asdict(),
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
