"""SQL of how far the rounds of schedules have come."""

from typing import NamedTuple
from uuid import UUID

from shared.db.engine import WriteTx


class Progress(NamedTuple):
    """The last round that was begun, and how far: all keys up to `place`."""

    number: int
    place: UUID | None
    is_done: bool


async def lock(tx: WriteTx, survey_id: UUID, schedule_id: str) -> Progress | None:
    """How far a schedule has come, locked until the transaction ends; None: another worker is at it."""
    await tx.execute(
        "INSERT INTO asking_sweeps (survey_id, schedule_id, number, is_done) VALUES (:survey, :schedule, -1, true) "
        "ON CONFLICT DO NOTHING",
        {"survey": survey_id, "schedule": schedule_id},
    )
    row = (
        await tx.execute(
            "SELECT number, place, is_done FROM asking_sweeps WHERE survey_id = :survey AND schedule_id = :schedule "
            "FOR UPDATE SKIP LOCKED",
            {"survey": survey_id, "schedule": schedule_id},
        )
    ).one_or_none()
    return None if row is None else Progress._make(row)


async def save(tx: WriteTx, survey_id: UUID, schedule_id: str, progress: Progress) -> None:
    """Note how far it has come."""
    await tx.execute(
        "UPDATE asking_sweeps SET number = :number, place = :place, is_done = :is_done "
        "WHERE survey_id = :survey AND schedule_id = :schedule",
        {"survey": survey_id, "schedule": schedule_id, **progress._asdict()},
    )
