"""SQL of what a firm lets clicks count for."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class Policy(NamedTuple):
    """Whether a clean click that nobody confirms counts after a time; None: it does not."""

    infer_after_seconds: int | None
    changed_at: datetime | None
    changed_by: str | None


async def get(tx: ReadTx, survey_id: UUID) -> Policy:
    """The policy of a survey; one that nobody set lets nothing count."""
    row = (
        await tx.execute(
            "SELECT infer_after_seconds, changed_at, changed_by FROM click_policies WHERE survey_id = :id",
            {"id": survey_id},
        )
    ).one_or_none()
    return Policy(None, None, None) if row is None else Policy._make(row)


async def put(tx: WriteTx, survey_id: UUID, policy: Policy) -> None:
    """Set the policy of a survey."""
    await tx.execute(
        "INSERT INTO click_policies (survey_id, infer_after_seconds, changed_at, changed_by) "
        "VALUES (:id, :seconds, :at, :by) ON CONFLICT (survey_id) DO UPDATE SET "
        "infer_after_seconds = excluded.infer_after_seconds, changed_at = excluded.changed_at, "
        "changed_by = excluded.changed_by",
        {"id": survey_id, "seconds": policy.infer_after_seconds, "at": policy.changed_at, "by": policy.changed_by},
    )
