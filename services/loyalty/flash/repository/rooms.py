"""All SQL of waiting rooms. Numbers are given under the lock of the room."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.flash.domain.room import Room, RoomTerms
from shared.db.engine import Database, ReadTx, WriteTx


class Joined(NamedTuple):
    """The numbers of those who joined, in their order; `status` says why there are none."""

    status: str
    numbers: Sequence[int]


async def add(tx: WriteTx, sale: UUID, terms: RoomTerms, opens_at: datetime) -> None:
    """Make the room of a new sale; people are let in from the start of the sale on."""
    await tx.execute(
        "INSERT INTO flash_rooms (sale_id, per_second, pass_seconds, since) VALUES (:sale, :rate, :seconds, :opens)",
        {"sale": sale, "rate": terms.per_second, "seconds": terms.pass_seconds, "opens": opens_at},
    )


async def of_sales(tx: ReadTx, sales: Collection[UUID]) -> dict[UUID, RoomTerms]:
    """The terms of the rooms of these sales."""
    rows = await tx.execute(
        "SELECT sale_id, per_second, pass_seconds FROM flash_rooms WHERE sale_id = ANY(:ids)", {"ids": list(sales)}
    )
    return {row.sale_id: RoomTerms(row.per_second, row.pass_seconds) for row in rows}


async def room(db: Database, sale: UUID) -> Room | None:
    """A room as it stands, by the clock of the database."""
    rows = await db.call(
        "SELECT sale_id, per_second, pass_seconds, admitted, since, last_number, flash_now() AS at "
        "FROM flash_rooms WHERE sale_id = :sale",
        {"sale": sale},
    )
    return Room._make(rows[0]) if rows else None


async def join(db: Database, sale: UUID, persons: Sequence[UUID]) -> Joined:
    """Give each of these persons a number, or the one they have; each is named once."""
    (row,) = await db.call(
        "SELECT numbers, status FROM flash_join(CAST(:sale AS uuid), CAST(:persons AS uuid[]))",
        {"sale": sale, "persons": list(persons)},
    )
    return Joined(row.status, row.numbers or ())


_LEVEL = "admitted + per_second * greatest(0, CAST(extract(epoch FROM flash_now() - since) AS double precision))"


async def stop(tx: WriteTx, sale: UUID) -> None:
    """Let nobody in."""
    await tx.execute(
        f"UPDATE flash_rooms SET admitted = {_LEVEL}, since = NULL WHERE sale_id = :sale AND since IS NOT NULL",
        {"sale": sale},
    )


async def start(tx: WriteTx, sale: UUID) -> None:
    """Let people in again, not before the sale starts."""
    await tx.execute(
        "UPDATE flash_rooms AS r SET since = greatest(flash_now(), s.starts_at) FROM flash_sales AS s "
        "WHERE r.sale_id = :sale AND s.id = r.sale_id AND r.since IS NULL",
        {"sale": sale},
    )


async def change(tx: WriteTx, sale: UUID, terms: RoomTerms) -> bool:
    """Let people in at another rate from now on; whether there is a room."""
    result = await tx.execute(
        "UPDATE flash_rooms SET admitted = CASE WHEN since IS NULL THEN admitted ELSE "
        f"{_LEVEL} END, since = CASE WHEN since < flash_now() THEN flash_now() ELSE since END, "
        "per_second = :rate, pass_seconds = :seconds WHERE sale_id = :sale",
        {"sale": sale, "rate": terms.per_second, "seconds": terms.pass_seconds},
    )
    return result.rowcount == 1
