"""SQL of what people said after their case was closed."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.surveys.answers.domain.response import Response
from services.surveys.answers.repository.responses import NAMES as RESPONSE
from services.surveys.answers.repository.responses import read as read_response
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


async def of_cases(tx: ReadTx, cases: Collection[UUID]) -> dict[UUID, dict[UUID, Later]]:
    """What responses said of cases, by case and response."""
    rows = await tx.execute(
        "SELECT case_id, response_id, revision, score, is_recovered, at FROM case_recoveries "
        "WHERE case_id = ANY(:cases)",
        {"cases": list(cases)},
    )
    found: dict[UUID, dict[UUID, Later]] = {each: {} for each in cases}
    for row in rows:
        found[row.case_id][row.response_id] = Later._make(row)
    return found


async def has_closed(tx: ReadTx, persons: Collection[UUID]) -> bool:
    """Whether one of these person keys has a case that was closed."""
    rows = await tx.execute(
        "SELECT EXISTS (SELECT FROM cases WHERE person = ANY(:persons) AND closed_at IS NOT NULL) AS found",
        {"persons": list(persons)},
    )
    return bool(rows.scalar_one())


async def responses_since(tx: ReadTx, persons: Collection[UUID], since: datetime) -> list[Response]:
    """What was answered under these person keys after a moment, as it is now."""
    rows = await tx.execute(
        f"SELECT {RESPONSE} FROM responses WHERE person = ANY(:persons) AND changed_at > :since "
        "ORDER BY changed_at, id",
        {"persons": list(persons), "since": since},
    )
    return [read_response(row) for row in rows]


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
