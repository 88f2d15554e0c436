"""What was told of customers' outlook, and who is to be looked at again."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from services.metrics.value.domain.outlook import Band
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = {"person": "uuid", "risk": "text", "value": "text", "version": "bigint", "check_day": "int"}


class Known(NamedTuple):
    """The bands last told of a person; none: nothing is said of them any more."""

    person: UUID
    risk: Band | None
    value: Band | None
    version: int


async def enqueue(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Have these person keys looked at; where somebody is looking right now, they are afterwards."""
    await insert_rows(
        tx,
        "outlook_queue",
        {"person": "uuid"},
        [(key,) for key in sorted(keys)],
        "ON CONFLICT (person) DO NOTHING",
    )


async def take(tx: WriteTx, limit: int) -> list[UUID]:
    """Some of the waiting person keys, which wait no more."""
    rows = await tx.execute(
        "DELETE FROM outlook_queue WHERE person IN "
        "(SELECT person FROM outlook_queue LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING person",
        {"limit": limit},
    )
    return list(rows.scalars())


async def due(tx: WriteTx, day: int, limit: int) -> list[UUID]:
    """Persons to be looked at again on or before a day, for time has passed."""
    rows = await tx.execute(
        "SELECT person FROM outlooks WHERE check_day <= :day ORDER BY check_day, person LIMIT :limit",
        {"day": day, "limit": limit},
    )
    return list(rows.scalars())


async def known(tx: WriteTx, persons: Collection[UUID]) -> dict[UUID, Known]:
    """What was told of these persons."""
    rows = await tx.execute(
        "SELECT person, risk, value, version FROM outlooks WHERE person = ANY(:persons)", {"persons": list(persons)}
    )
    return {row.person: Known(row.person, row.risk, row.value, row.version) for row in rows}


async def refused(tx: ReadTx, keys: Collection[UUID]) -> set[UUID]:
    """Those of these person keys of whom nothing may be foretold."""
    rows = await tx.execute("SELECT person FROM outlook_refused WHERE person = ANY(:keys)", {"keys": list(keys)})
    return set(rows.scalars())


async def refuse(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Foretell nothing of these person keys."""
    await insert_rows(
        tx, "outlook_refused", {"person": "uuid"}, [(key,) for key in sorted(keys)], "ON CONFLICT (person) DO NOTHING"
    )


async def allow(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Foretell again what becomes of these person keys."""
    await tx.execute("DELETE FROM outlook_refused WHERE person = ANY(:keys)", {"keys": list(keys)})


async def put(tx: WriteTx, rows: Sequence[tuple[Known, int]]) -> None:
    """Keep what is told now, each with the day to look again."""
    await insert_rows(
        tx,
        "outlooks",
        _COLUMNS,
        [(*each, day) for each, day in sorted(rows)],
        "ON CONFLICT (person) DO UPDATE SET risk = EXCLUDED.risk, value = EXCLUDED.value, "
        "version = EXCLUDED.version, check_day = EXCLUDED.check_day",
    )
