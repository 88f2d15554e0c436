"""All SQL of the mirror. Locks: the wave, then a link."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import RowMapping

from services.surveys.mirror.domain.telling import MirrorAnswer
from services.surveys.mirror.domain.wave import Wave
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.surveys import AnsweredScore

_WAVE = (
    "id, survey_id, version, name, touchpoint, stage, period_from, period_to, roles, asks_prediction, opened_at, "
    "opened_by, closes_at, results_visible_from, closed_at, shared_digest IS NOT NULL AS has_shared_link, links"
)


async def add(tx: WriteTx, wave: Wave) -> None:
    """Store a new wave."""
    await tx.execute(
        """
        INSERT INTO mirror_waves (id, survey_id, version, name, touchpoint, stage, period_from, period_to, roles,
            asks_prediction, opened_at, opened_by, closes_at, results_visible_from)
        VALUES (:id, :survey_id, :version, :name, :touchpoint, :stage, :period_from, :period_to, :roles,
            :asks_prediction, :opened_at, :opened_by, :closes_at, :results_visible_from)
        """,
        {
            "id": wave.id,
            "survey_id": wave.survey_id,
            "version": wave.version,
            "name": wave.name,
            "touchpoint": wave.touchpoint,
            "stage": wave.stage,
            "period_from": wave.period_from,
            "period_to": wave.period_to,
            "roles": list(wave.roles),
            "asks_prediction": wave.asks_prediction,
            "opened_at": wave.opened_at,
            "opened_by": wave.opened_by,
            "closes_at": wave.closes_at,
            "results_visible_from": wave.results_visible_from,
        },
    )


async def get(tx: ReadTx, wave_id: UUID) -> Wave | None:
    """A wave."""
    return await _one(tx, wave_id, "")


async def lock(tx: WriteTx, wave_id: UUID) -> Wave | None:
    """A wave that nobody answers or closes until the transaction ends."""
    return await _one(tx, wave_id, "FOR UPDATE")


async def hold(tx: WriteTx, wave_id: UUID) -> Wave | None:
    """A wave that nobody closes until the transaction ends; others may answer it meanwhile."""
    return await _one(tx, wave_id, "FOR SHARE")


async def _one(tx: ReadTx, wave_id: UUID, tail: str) -> Wave | None:
    rows = await tx.execute(f"SELECT {_WAVE} FROM mirror_waves WHERE id = :id {tail}", {"id": wave_id})
    row = rows.mappings().one_or_none()
    return None if row is None else _wave(row)


async def listed(tx: ReadTx, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Wave]:
    """Waves, those opened last first."""
    rows = await tx.execute(
        f"SELECT {_WAVE} FROM mirror_waves "
        "WHERE CAST(:at AS timestamptz) IS NULL OR (opened_at, id) < (:at, CAST(:id AS uuid)) "
        "ORDER BY opened_at DESC, id DESC LIMIT :limit",
        {"at": before[0] if before else None, "id": before[1] if before else None, "limit": limit},
    )
    return [_wave(row) for row in rows.mappings()]


async def due(tx: ReadTx, now: datetime) -> list[UUID]:
    """Open waves whose time is over, in the order in which it was."""
    rows = await tx.execute(
        "SELECT id FROM mirror_waves WHERE closed_at IS NULL AND closes_at <= :now ORDER BY closes_at, id",
        {"now": now},
    )
    return list(rows.scalars())


def _wave(row: RowMapping) -> Wave:
    return Wave(**{**row, "roles": tuple(row["roles"])})


async def answered(tx: ReadTx, wave_id: UUID) -> int:
    """How many answers a wave has."""
    rows = await tx.execute("SELECT count(*) FROM mirror_answers WHERE wave_id = :id", {"id": wave_id})
    number: int = rows.scalar_one()
    return number


async def add_links(tx: WriteTx, wave_id: UUID, role: str, digests: Sequence[bytes]) -> None:
    """Store one-time links of a role."""
    rows = [(digest, wave_id, role) for digest in sorted(digests)]
    await insert_rows(tx, "mirror_links", {"digest": "bytea", "wave_id": "uuid", "role": "text"}, rows)
    await tx.execute(
        "UPDATE mirror_waves SET links = links || jsonb_build_object(CAST(:role AS text), "
        "coalesce(CAST(links ->> :role AS int), 0) + CAST(:number AS int)) WHERE id = :id",
        {"id": wave_id, "role": role, "number": len(rows)},
    )


async def share(tx: WriteTx, wave_id: UUID, digest: bytes | None) -> None:
    """Set the link that all may use; the one before leads nowhere."""
    await tx.execute(
        "UPDATE mirror_waves SET shared_digest = :digest WHERE id = :id", {"id": wave_id, "digest": digest}
    )


async def led_to(tx: ReadTx, digest: bytes) -> tuple[UUID, str | None] | None:
    """The wave that a link leads to, and the role it stands for: None for the link that all share."""
    rows = await tx.execute(
        "SELECT wave_id, role FROM mirror_links WHERE digest = :digest "
        "UNION ALL SELECT id, NULL FROM mirror_waves WHERE shared_digest = :digest AND closed_at IS NULL",
        {"digest": digest},
    )
    row = rows.one_or_none()
    return None if row is None else (row.wave_id, row.role)


async def use(tx: WriteTx, digest: bytes) -> bool:
    """Use up a one-time link; whether it was there. It is deleted: a mark would meet the answer in its transaction."""
    result = await tx.execute("DELETE FROM mirror_links WHERE digest = :digest", {"digest": digest})
    return result.rowcount == 1


async def add_answer(tx: WriteTx, wave_id: UUID, answer: MirrorAnswer) -> None:
    """Store an answer; one that is there stays."""
    scores = [(each.question_id, each.row, each.score) for each in answer.scores]
    await tx.execute(
        "INSERT INTO mirror_answers (id, wave_id, role, scores, predicted_nps, is_shared) "
        "VALUES (:id, :wave, :role, CAST(:scores AS jsonb), :predicted, :shared) ON CONFLICT (id) DO NOTHING",
        {
            "id": answer.id,
            "wave": wave_id,
            "role": answer.role,
            "scores": orjson.dumps(scores).decode(),
            "predicted": answer.predicted_nps,
            "shared": answer.is_shared,
        },
    )


async def answers(tx: ReadTx, wave_id: UUID) -> list[MirrorAnswer]:
    """All answers to a wave."""
    rows = await tx.execute(
        "SELECT id, role, scores, predicted_nps, is_shared FROM mirror_answers WHERE wave_id = :id", {"id": wave_id}
    )
    return [
        MirrorAnswer(
            row.id,
            row.role,
            tuple(AnsweredScore(question_id, score, row=part) for question_id, part, score in row.scores),
            row.predicted_nps,
            row.is_shared,
        )
        for row in rows
    ]


async def close(tx: WriteTx, wave_id: UUID, closed_at: datetime) -> None:
    """Close a wave; all its links lead nowhere."""
    await tx.execute(
        "UPDATE mirror_waves SET closed_at = :at, shared_digest = NULL WHERE id = :id", {"id": wave_id, "at": closed_at}
    )
    await tx.execute("DELETE FROM mirror_links WHERE wave_id = :id", {"id": wave_id})
