"""SQL of where somebody is in a survey: what their invitation says so far, and what a widget may show."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from services.surveys.answers.domain.response import Response
from services.surveys.answers.repository.responses import NAMES, read
from services.surveys.asking.domain.invitation import Invitation
from shared.db.engine import ReadTx, WriteTx

_INVITATION = tuple(each.name for each in fields(Invitation))
_RESPONSE = tuple(NAMES.split(", "))
_SEAT = (
    f"SELECT {', '.join(f'i.{name} AS i_{name}' for name in _INVITATION)}, "
    f"{', '.join(f'r.{name}' for name in _RESPONSE)} "
    "FROM invitations AS i LEFT JOIN responses AS r ON r.invitation_id = i.id WHERE i.id = :id"
)


async def find(tx: ReadTx, invitation_id: UUID) -> tuple[Invitation, Response | None] | None:
    """An invitation and what was answered to it, in one look: it is what every visit asks first."""
    row = (await tx.execute(_SEAT, {"id": invitation_id})).one_or_none()
    if row is None:
        return None
    invitation = Invitation(*row[: len(_INVITATION)])
    return invitation, None if row.id is None else _response(dict(zip(_RESPONSE, row[len(_INVITATION) :], strict=True)))


def _response(values: dict[str, Any]) -> Response:
    """A response of its columns."""
    return Response(**{**values, "themes": tuple(values["themes"])})


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
