"""Roll-backs: each is a row that stays; of one redemption one per refund, and one that is whole."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.loyalty.checkout.domain.rollback import Returned, Rollback
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = (
    "id, redemption_id, refund_id, reason, recorded_by, discount_minor, points, points_minor, is_whole, parts, "
    "created_at"
)


async def add(tx: WriteTx, rollback: Rollback) -> Rollback:
    """Store it, as of now."""
    created = await tx.execute(
        f"INSERT INTO rollbacks ({_COLUMNS}) VALUES (:id, :redemption_id, :refund_id, :reason, :recorded_by, :discount,"
        " :points, :points_minor, :is_whole, CAST(:parts AS jsonb), clock_timestamp()) RETURNING created_at",
        {
            "id": rollback.id,
            "redemption_id": rollback.redemption_id,
            "refund_id": rollback.refund_id,
            "reason": rollback.reason,
            "recorded_by": rollback.recorded_by,
            "discount": rollback.discount_minor,
            "points": rollback.points,
            "points_minor": rollback.points_minor,
            "is_whole": rollback.is_whole,
            "parts": orjson.dumps([list(part) for part in rollback.returned]).decode(),
        },
    )
    return rollback._replace(created_at=created.scalar_one())


async def of_redemption(tx: ReadTx, redemption_id: UUID) -> list[Rollback]:
    """What was rolled back of a redemption, the first first."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM rollbacks WHERE redemption_id = :id ORDER BY created_at, id", {"id": redemption_id}
    )
    return [_rollback(row) for row in rows]


async def of_refund(tx: ReadTx, redemption_id: UUID, refund_id: str) -> Rollback | None:
    """What was rolled back of a redemption for a refund."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM rollbacks WHERE redemption_id = :id AND refund_id = :refund",
        {"id": redemption_id, "refund": refund_id},
    )
    row = rows.one_or_none()
    return row and _rollback(row)


def _rollback(row: Row[Any]) -> Rollback:
    return Rollback(
        id=row.id,
        redemption_id=row.redemption_id,
        refund_id=row.refund_id,
        reason=row.reason,
        recorded_by=row.recorded_by,
        returned=_parts(row.parts),
        points=row.points,
        points_minor=row.points_minor,
        is_whole=row.is_whole,
        created_at=row.created_at,
    )


def _parts(document: Sequence[Any]) -> tuple[Returned, ...]:
    return tuple(Returned(position, tuple(by_share), is_whole) for position, by_share, is_whole in document)
