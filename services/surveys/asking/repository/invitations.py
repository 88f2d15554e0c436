"""SQL of invitations, and of the contacts they made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from services.surveys.asking.domain.invitation import Invitation
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = {
    "id": "uuid",
    "survey_id": "uuid",
    "version": "integer",
    "person": "uuid",
    "channel": "text",
    "locale": "text",
    "weight": "double precision",
    "wave": "integer",
    "touchpoint": "text",
    "stage": "text",
    "staff_id": "text",
    "order_id": "text",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "delivered_at": "timestamptz",
    "answered_at": "timestamptz",
    "is_anonymous": "boolean",
    "expired_at": "timestamptz",
}
_NAMES = ", ".join(each.name for each in fields(Invitation))
_row = attrgetter(*_COLUMNS)


class Asked(NamedTuple):
    """Whom an invitation asked: what never changes of it."""

    person: UUID
    is_anonymous: bool


def _read(row: Any) -> Invitation:
    return Invitation(*row)


async def add(tx: WriteTx, invitations: Sequence[Invitation]) -> None:
    """Store new invitations."""
    await insert_rows(tx, "invitations", _COLUMNS, [_row(each) for each in invitations])


async def get(tx: ReadTx, key: UUID) -> Invitation | None:
    """An invitation."""
    row = (await tx.execute(f"SELECT {_NAMES} FROM invitations WHERE id = :id", {"id": key})).one_or_none()
    return None if row is None else _read(row)


async def find(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Invitation]:
    """Those of the invitations that there are."""
    rows = await tx.execute(f"SELECT {_NAMES} FROM invitations WHERE id = ANY(:ids)", {"ids": list(keys)})
    return {each.id: each for each in map(_read, rows)}


async def asked(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Asked]:
    """Whom those of the invitations asked that there are."""
    rows = await tx.execute(
        "SELECT id, person, is_anonymous FROM invitations WHERE id = ANY(:ids)", {"ids": list(keys)}
    )
    return {row.id: Asked(row.person, row.is_anonymous) for row in rows}


async def lock(tx: WriteTx, key: UUID) -> Invitation | None:
    """An invitation, which nobody else changes until the transaction ends."""
    row = (
        await tx.execute(f"SELECT {_NAMES} FROM invitations WHERE id = :id FOR NO KEY UPDATE", {"id": key})
    ).one_or_none()
    return None if row is None else _read(row)


async def lock_many(tx: WriteTx, keys: Collection[UUID]) -> dict[UUID, Invitation]:
    """Those of the invitations that there are, which nobody else changes until the transaction ends."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM invitations WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE", {"ids": list(keys)}
    )
    return {each.id: each for each in map(_read, rows)}


async def set_delivered(tx: WriteTx, key: UUID, at: datetime) -> Invitation | None:
    """Note that it was delivered; None where it was before, or is none."""
    row = (
        await tx.execute(
            "UPDATE invitations SET delivered_at = :at WHERE id = :id AND delivered_at IS NULL "
            + f"RETURNING {_NAMES}",
            {"id": key, "at": at},
        )
    ).one_or_none()
    return None if row is None else _read(row)


async def set_answered(tx: WriteTx, key: UUID, at: datetime) -> None:
    """Note when it was first answered; of an anonymous survey nothing is noted."""
    await tx.execute(
        "UPDATE invitations SET answered_at = :at WHERE id = :id AND answered_at IS NULL AND NOT is_anonymous",
        {"id": key, "at": at},
    )


async def set_all_answered(tx: WriteTx, answered: Mapping[UUID, datetime]) -> None:
    """The same for several that are locked, each with its time."""
    await tx.execute(
        "UPDATE invitations AS i SET answered_at = t.at "
        "FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS t (id, at) "
        "WHERE i.id = t.id AND i.answered_at IS NULL AND NOT i.is_anonymous",
        {"ids": list(answered), "times": list(answered.values())},
    )


async def expire(tx: WriteTx, now: datetime, limit: int) -> list[Invitation]:
    """End up to `limit` invitations that were not answered in time; those ended. Safe with several workers."""
    rows = await tx.execute(
        "UPDATE invitations SET expired_at = :now WHERE id = ANY(ARRAY("
        "SELECT id FROM invitations WHERE expired_at IS NULL AND answered_at IS NULL AND expires_at <= :now "
        f"ORDER BY expires_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED)) RETURNING {_NAMES}",
        {"now": now, "limit": limit},
    )
    return sorted(map(_read, rows), key=lambda each: (each.expires_at, each.id))
