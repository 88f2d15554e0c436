"""SQL of who is to be asked again after their case was closed, and what became of it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class AskAgain(NamedTuple):
    """Somebody whose case was closed, and what it was about."""

    case_id: UUID
    person: UUID
    survey_id: UUID
    touchpoint: str | None
    stage: str | None


async def due(tx: ReadTx, *, since: datetime, until: datetime, limit: int) -> list[AskAgain]:
    """Cases closed in a time whose people were not asked again, and have not said anything by themselves since."""
    rows = await tx.execute(
        "SELECT id, person, survey_id, touchpoint, stage FROM cases AS c "
        "WHERE closed_at >= :since AND closed_at < :until AND merged_into IS NULL AND person IS NOT NULL "
        "AND survey_id IS NOT NULL AND NOT is_forgotten "
        "AND NOT EXISTS (SELECT FROM case_asked_again AS a WHERE a.case_id = c.id) "
        "AND NOT EXISTS (SELECT FROM case_recoveries AS r WHERE r.case_id = c.id) "
        "ORDER BY closed_at, id LIMIT :limit",
        {"since": since, "until": until, "limit": limit},
    )
    return [AskAgain._make(row) for row in rows]


async def done(tx: WriteTx, case_id: UUID, at: datetime, invitation_id: UUID | None, refusal: str | None) -> bool:
    """They were asked, or will not be; whether that was not known before."""
    result = await tx.execute(
        "INSERT INTO case_asked_again (case_id, at, invitation_id, refusal) "
        "VALUES (:case, :at, :invitation, :refusal) ON CONFLICT (case_id) DO NOTHING",
        {"case": case_id, "at": at, "invitation": invitation_id, "refusal": refusal},
    )
    return result.rowcount == 1
