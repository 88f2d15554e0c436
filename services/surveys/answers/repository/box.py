"""SQL of the box of anonymous answers. No statement here locks a row, or touches one that belongs to somebody."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


async def has_written(tx: ReadTx) -> bool:
    """Whether this transaction changed or locked a row before: its number would stand in both."""
    return (await tx.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")).scalar_one()  # type: ignore[no-any-return]


async def use(tx: WriteTx, stubs: Sequence[bytes]) -> bool:
    """Note that an invitation was used, under the first of its stubs; False: it was before, under any of them."""
    rows = await tx.execute(
        "INSERT INTO ballot_stubs (stub) SELECT :stub "
        "WHERE NOT EXISTS (SELECT FROM ballot_stubs WHERE stub = ANY(CAST(:stubs AS bytea[]))) "
        "ON CONFLICT DO NOTHING RETURNING stub",
        {"stub": stubs[0], "stubs": list(stubs)},
    )
    return rows.one_or_none() is not None


async def used(tx: ReadTx, stubs: Sequence[bytes]) -> set[bytes]:
    """Those of the stubs that are there."""
    rows = await tx.execute(
        "SELECT stub FROM ballot_stubs WHERE stub = ANY(CAST(:stubs AS bytea[]))", {"stubs": list(stubs)}
    )
    return {bytes(row.stub) for row in rows}


async def put(tx: WriteTx, key: UUID, survey_id: UUID, version: int, sealed: bytes) -> None:
    """Put an answer into the box."""
    await insert_rows(
        tx,
        "ballots",
        {"id": "uuid", "survey_id": "uuid", "version": "integer", "sealed": "bytea"},
        [(key, survey_id, version, sealed)],
    )


async def full(tx: ReadTx, *, least: int) -> list[tuple[UUID, int]]:
    """The versions of surveys with at least so many answers in the box."""
    rows = await tx.execute(
        "SELECT survey_id, version FROM ballots GROUP BY survey_id, version HAVING count(*) >= :least "
        "ORDER BY survey_id, version",
        {"least": least},
    )
    return [(row.survey_id, row.version) for row in rows]


async def waiting(tx: ReadTx, survey_id: UUID) -> int:
    """How many answers to a survey wait in the box."""
    rows = await tx.execute("SELECT count(*) FROM ballots WHERE survey_id = :id", {"id": survey_id})
    return int(rows.scalar_one())


async def lock(tx: WriteTx, survey_id: UUID, version: int, *, most: int) -> Sequence[Row[Any]]:
    """Answers to a version of a survey in the box, which nobody else takes out: id, sealed."""
    rows = await tx.execute(
        "SELECT id, sealed FROM ballots WHERE survey_id = :survey AND version = :version "
        "ORDER BY id LIMIT :most FOR UPDATE",
        {"survey": survey_id, "version": version, "most": most},
    )
    return rows.all()


async def take_out(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Take answers out of the box."""
    await tx.execute("DELETE FROM ballots WHERE id = ANY(:ids)", {"ids": list(keys)})
