"""SQL of what people said after their case was closed."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class Later(NamedTuple):
    """What a response, later than the closing of a case, says of it."""

    case_id: UUID
    response_id: UUID
    revision: int
    score: int
    is_recovered: bool
    at: datetime


async def of_response(tx: ReadTx, response_id: UUID, cases: Collection[UUID]) -> dict[UUID, Later]:
    """What a response said of cases."""
    rows = await tx.execute(
        "SELECT case_id, response_id, revision, score, is_recovered, at FROM case_recoveries "
        "WHERE response_id = :response AND case_id = ANY(:cases)",
        {"response": response_id, "cases": list(cases)},
    )
    return {row.case_id: Later._make(row) for row in rows}


async def put(tx: WriteTx, later: Later) -> None:
    """A response says this of a case now; the case is locked."""
    await tx.execute(
        "INSERT INTO case_recoveries (case_id, response_id, revision, score, is_recovered, at) "
        "VALUES (:case_id, :response_id, :revision, :score, :is_recovered, :at) "
        "ON CONFLICT (case_id, response_id) DO UPDATE SET revision = EXCLUDED.revision, score = EXCLUDED.score, "
        "is_recovered = EXCLUDED.is_recovered, at = EXCLUDED.at",
        later._asdict(),
    )


async def forget(tx: WriteTx, case_id: UUID, response_id: UUID) -> None:
    """A response says nothing of a case any more."""
    await tx.execute(
        "DELETE FROM case_recoveries WHERE case_id = :case AND response_id = :response",
        {"case": case_id, "response": response_id},
    )
