"""SQL of where somebody is in a survey: what their invitation says so far, and what a widget may show."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.surveys.answers.domain.response import Response
from services.surveys.answers.repository.responses import NAMES, read
from shared.db.engine import ReadTx, WriteTx


async def response_of(tx: ReadTx, invitation_id: UUID) -> Response | None:
    """What was answered to an invitation."""
    row = (
        await tx.execute(f"SELECT {NAMES} FROM responses WHERE invitation_id = :id", {"id": invitation_id})
    ).one_or_none()
    return None if row is None else read(row)


async def widget_invitations(tx: ReadTx, persons: Sequence[UUID], now: datetime, limit: int) -> list[UUID]:
    """Invitations of these keys that a widget may show, the oldest first."""
    rows = await tx.execute(
        "SELECT i.id FROM invitations AS i WHERE i.person = ANY(:persons) AND i.channel = 'widget' "
        "AND i.expired_at IS NULL AND i.answered_at IS NULL AND i.expires_at > :now AND i.created_at <= :now "
        "AND NOT EXISTS (SELECT FROM widget_dismissals AS d WHERE d.invitation_id = i.id) "
        "ORDER BY i.created_at, i.id LIMIT :limit",
        {"persons": list(persons), "now": now, "limit": limit},
    )
    return [row.id for row in rows]


async def dismiss(tx: WriteTx, invitation_id: UUID, at: datetime) -> None:
    """Note that somebody closed the widget; once is enough."""
    await tx.execute(
        "INSERT INTO widget_dismissals (invitation_id, at) VALUES (:id, :at) ON CONFLICT DO NOTHING",
        {"id": invitation_id, "at": at},
    )
