"""All SQL of complete answers and the places that a quota has."""

from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

SLOTS = 16

_COUNT = """
    INSERT INTO survey_completes (survey_id, slot, answers) VALUES (:id, :slot, :answers)
    ON CONFLICT (survey_id, slot) DO UPDATE SET answers = survey_completes.answers + :answers
"""


async def has_quota(tx: ReadTx, survey_id: UUID) -> bool | None:
    """Whether a survey takes so many answers only; None: there is no such survey."""
    found = await tx.execute("SELECT quota IS NOT NULL FROM surveys WHERE id = :id", {"id": survey_id})
    return found.scalar_one_or_none()


async def count(tx: WriteTx, survey_id: UUID, slot: int, answers: int = 1) -> None:
    """So many complete answers more."""
    await tx.execute(_COUNT, {"id": survey_id, "slot": slot, "answers": answers})


async def take_back(tx: WriteTx, survey_id: UUID) -> None:
    """One complete answer less."""
    await tx.execute(
        "UPDATE survey_completes SET answers = answers - 1 WHERE survey_id = :id AND slot = ("
        "SELECT slot FROM survey_completes WHERE survey_id = :id AND answers > 0 ORDER BY slot LIMIT 1 FOR UPDATE)",
        {"id": survey_id},
    )


async def counted(tx: ReadTx, survey_id: UUID) -> int:
    """How many complete answers there are."""
    found = await tx.execute(
        "SELECT coalesce(sum(answers), 0) FROM survey_completes WHERE survey_id = :id", {"id": survey_id}
    )
    return int(found.scalar_one())
