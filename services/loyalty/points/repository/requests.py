"""Adjustments and transfers: what people asked for, beside the ledger."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

State = Literal["waiting", "posted", "refused"]


class Adjustment(NamedTuple):
    """Points that somebody gives or takes by hand, and for what reason."""

    id: UUID
    person_id: UUID
    wallet: str
    points: int
    reason: str
    note: str | None
    reference: str | None
    expires_at: datetime | None
    state: State
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str | None


class Transfer(NamedTuple):
    """Points that one member gave another; the recipient got them less the fee."""

    id: UUID
    sender_id: UUID
    recipient_id: UUID
    wallet: str
    points: int
    fee: int
    day: date
    recorded_at: datetime
    recorded_by: str


_ADJUSTMENT = ", ".join(Adjustment._fields)


async def put_adjustment(tx: WriteTx, adjustment: Adjustment) -> None:
    """Store an adjustment, or how it was decided."""
    await tx.execute(
        f"INSERT INTO adjustments ({_ADJUSTMENT}) VALUES ({', '.join(f':{name}' for name in Adjustment._fields)}) "
        "ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, decided_at = EXCLUDED.decided_at, "
        "decided_by = EXCLUDED.decided_by",
        adjustment._asdict(),
    )


async def adjustment(tx: ReadTx, adjustment_id: UUID) -> Adjustment | None:
    """An adjustment."""
    row = (
        await tx.execute(f"SELECT {_ADJUSTMENT} FROM adjustments WHERE id = :id", {"id": adjustment_id})
    ).one_or_none()
    return None if row is None else Adjustment._make(row)


async def waiting(tx: ReadTx, *, after: UUID | None, limit: int) -> list[Adjustment]:
    """Adjustments that wait for a second person, the oldest first."""
    rows = await tx.execute(
        f"SELECT {_ADJUSTMENT} FROM adjustments WHERE state = 'waiting' "
        "AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit",
        {"after": after, "limit": limit},
    )
    return [Adjustment._make(row) for row in rows]


async def put_transfer(tx: WriteTx, transfer: Transfer) -> None:
    """Store a transfer."""
    names = Transfer._fields
    await tx.execute(
        f"INSERT INTO transfers ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
        transfer._asdict(),
    )


async def sent(tx: ReadTx, keys: Collection[UUID], wallet: str, day: date) -> int:
    """How many points a person has sent on a day."""
    found = await tx.execute(
        "SELECT CAST(coalesce(sum(points), 0) AS bigint) FROM transfers "
        "WHERE sender_id = ANY(:keys) AND wallet = :wallet AND day = :day",
        {"keys": list(keys), "wallet": wallet, "day": day},
    )
    return int(found.scalar_one())
