"""SQL of who is to be asked again after their case was closed, and what became of it."""

from collections.abc import Collection
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
    tries: int


async def due(
    tx: ReadTx, *, since: datetime, until: datetime, passing: Collection[str], tried_before: datetime, limit: int
) -> list[AskAgain]:
    """Cases closed in a time whose people were not asked again, and have not said anything by themselves since.

    Those too that were refused before `tried_before` for a reason that passes.
    """
    rows = await tx.execute(
        "SELECT id, person, survey_id, touchpoint, stage, coalesce(a.tries, 0) FROM cases AS c "
        "LEFT JOIN case_asked_again AS a ON a.case_id = c.id "
        "WHERE closed_at >= :since AND closed_at < :until AND merged_into IS NULL AND person IS NOT NULL "
        "AND survey_id IS NOT NULL AND NOT is_forgotten "
        "AND (a.case_id IS NULL OR (a.refusal = ANY(CAST(:passing AS text[])) AND a.at < :tried_before)) "
        "AND NOT EXISTS (SELECT FROM case_recoveries AS r WHERE r.case_id = c.id) "
        "ORDER BY closed_at, id LIMIT :limit",
        {"since": since, "until": until, "passing": list(passing), "tried_before": tried_before, "limit": limit},
    )
    return [AskAgain._make(row) for row in rows]


async def done(tx: WriteTx, asked: AskAgain, at: datetime, invitation_id: UUID | None, refusal: str | None) -> bool:
    """They were asked, or were not, this time; whether that was not known before."""
    result = await tx.execute(
        "INSERT INTO case_asked_again AS a (case_id, at, invitation_id, refusal) "
        "VALUES (:case, :at, :invitation, :refusal) ON CONFLICT (case_id) DO UPDATE "
        "SET at = :at, invitation_id = :invitation, refusal = :refusal, tries = a.tries + 1 WHERE a.tries = :tries",
        {"case": asked.case_id, "at": at, "invitation": invitation_id, "refusal": refusal, "tries": asked.tries},
    )
    return result.rowcount == 1
