"""All SQL of mirror waves and of promises. Promises are locked in ascending order of their keys."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.metrics.gap.domain.promises import Kept, Kind, Part, PromiseKey
from services.metrics.gap.domain.waves import MirrorWave, Place
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.surveys import AskedQuestion, MirrorAnswered, MirrorWaveClosed

_WAVE = {
    "wave_id": "uuid",
    "survey_id": "uuid",
    "version": "int",
    "touchpoint": "text",
    "stage": "text",
    "period_from": "date",
    "period_to": "date",
    "opened_at": "timestamptz",
    "closed_at": "timestamptz",
    "results_visible_from": "timestamptz",
    "bias": "text[]",
    "questions": "jsonb",
    "answered": "int",
    "withheld": "int",
    "shared": "int",
}
_ANSWER = {"answer_id": "uuid", "wave_id": "uuid", "role": "text", "scores": "jsonb", "predicted_nps": "smallint"}
_PROMISE = {
    "kind": "text",
    "key": "text",
    "said_at": "timestamptz",
    "said_id": "uuid",
    "due_at": "timestamptz",
    "done_at": "timestamptz",
    "ended_at": "timestamptz",
}


async def add_waves(tx: WriteTx, closed: Sequence[tuple[MirrorWaveClosed, datetime]]) -> None:
    """Store waves, each with when it closed; one that is known stays."""
    rows = {
        wave.wave_id: (
            wave.wave_id,
            wave.survey_id,
            wave.version,
            wave.touchpoint,
            wave.stage,
            wave.period_from,
            wave.period_to,
            wave.opened_at,
            closed_at,
            wave.results_visible_from,
            "{" + ",".join(wave.bias) + "}",
            _questions(wave.questions),
            wave.answered,
            wave.withheld,
            wave.shared,
        )
        for wave, closed_at in closed
    }
    ordered = [rows[key] for key in sorted(rows)]
    await insert_rows(tx, "mirror_waves", _WAVE, ordered, "ON CONFLICT (wave_id) DO NOTHING")


def _questions(questions: Sequence[AskedQuestion]) -> str:
    return orjson.dumps([(each.id, each.kind, each.lowest, each.highest) for each in questions]).decode()


async def add_answers(tx: WriteTx, answers: Sequence[MirrorAnswered]) -> None:
    """Store answers to waves; one that is known stays."""
    rows = {}
    for said in answers:
        scores = [(each.question_id, each.row, each.score) for each in said.scores if each.score is not None]
        document = orjson.dumps(scores).decode()
        rows[said.answer_id] = (said.answer_id, said.wave_id, said.role, document, said.predicted_nps)
    ordered = [rows[key] for key in sorted(rows)]
    await insert_rows(tx, "mirror_answers", _ANSWER, ordered, "ON CONFLICT (answer_id) DO NOTHING")


async def waves(
    tx: ReadTx, *, wave_id: UUID | None = None, first: date | None = None, last: date | None = None, limit: int
) -> list[MirrorWave]:
    """Closed waves: one, or those whose period lies within days; the newest period first."""
    rows = await tx.execute(
        f"SELECT {', '.join(_WAVE)} FROM mirror_waves "
        "WHERE (CAST(:wave AS uuid) IS NULL OR wave_id = :wave) "
        "AND (CAST(:first AS date) IS NULL OR period_from >= :first) "
        "AND (CAST(:last AS date) IS NULL OR period_to <= :last) "
        "ORDER BY period_to DESC, closed_at DESC, wave_id LIMIT :limit",
        {"wave": wave_id, "first": first, "last": last, "limit": limit},
    )
    found = rows.fetchall()
    told = await _told(tx, [row.wave_id for row in found])
    predicted = await _predicted(tx, [row.wave_id for row in found])
    return [_wave(row, told.get(row.wave_id, {}), predicted.get(row.wave_id, {})) for row in found]


async def _told(tx: ReadTx, ids: Sequence[UUID]) -> dict[UUID, dict[str, dict[Place, dict[int, int]]]]:
    rows = await tx.execute(
        """
        SELECT wave_id, role, said ->> 0 AS question_id, said ->> 1 AS part, CAST(said ->> 2 AS int) AS score,
               CAST(count(*) AS int) AS number
        FROM mirror_answers CROSS JOIN LATERAL jsonb_array_elements(scores) AS each (said)
        WHERE wave_id = ANY(CAST(:ids AS uuid[])) GROUP BY 1, 2, 3, 4, 5
        """,
        {"ids": list(ids)},
    )
    found: defaultdict[UUID, dict[str, dict[Place, dict[int, int]]]] = defaultdict(dict)
    for row in rows:
        places = found[row.wave_id].setdefault(row.role, {})
        places.setdefault(Place(row.question_id, row.part), {})[row.score] = row.number
    return found


async def _predicted(tx: ReadTx, ids: Sequence[UUID]) -> dict[UUID, dict[str, list[int]]]:
    rows = await tx.execute(
        "SELECT wave_id, role, predicted_nps FROM mirror_answers "
        "WHERE wave_id = ANY(CAST(:ids AS uuid[])) AND predicted_nps IS NOT NULL ORDER BY predicted_nps",
        {"ids": list(ids)},
    )
    found: defaultdict[UUID, dict[str, list[int]]] = defaultdict(dict)
    for row in rows:
        found[row.wave_id].setdefault(row.role, []).append(row.predicted_nps)
    return found


def _wave(
    row: Row[Any], scores: Mapping[str, Mapping[Place, Mapping[int, int]]], predictions: Mapping[str, Sequence[int]]
) -> MirrorWave:
    return MirrorWave(
        id=row.wave_id,
        survey_id=row.survey_id,
        version=row.version,
        touchpoint=row.touchpoint,
        stage=row.stage,
        period_from=row.period_from,
        period_to=row.period_to,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        results_visible_from=row.results_visible_from,
        bias=tuple(row.bias),
        questions=tuple(AskedQuestion(*each) for each in row.questions),
        answered=row.answered,
        withheld=row.withheld,
        shared=row.shared,
        scores=scores,
        predictions=predictions,
    )


async def keep_promises(tx: WriteTx, parts: Mapping[PromiseKey, Part]) -> None:
    """Fold what facts say into their promises: of each column the least, so that nothing need be read first."""
    rows = [
        (kind, key, *((part.said.at, part.said.event_id, part.said.due_at) if part.said else (None,) * 3), *part[1:])
        for (kind, key), part in sorted(parts.items())
    ]
    earlier = (
        "promises.said_at IS NULL AND EXCLUDED.said_at IS NOT NULL "
        "OR (EXCLUDED.said_at, EXCLUDED.said_id) < (promises.said_at, promises.said_id)"
    )
    said = ", ".join(
        f"{name} = CASE WHEN {earlier} THEN EXCLUDED.{name} ELSE promises.{name} END"
        for name in ("said_at", "said_id", "due_at")
    )
    least = ", ".join(f"{name} = LEAST(promises.{name}, EXCLUDED.{name})" for name in ("done_at", "ended_at"))
    await insert_rows(
        tx,
        "promises",
        _PROMISE,
        rows,
        f"ON CONFLICT (kind, key) DO UPDATE SET {said}, {least} WHERE {earlier} "
        "OR LEAST(promises.done_at, EXCLUDED.done_at) IS DISTINCT FROM promises.done_at "
        "OR LEAST(promises.ended_at, EXCLUDED.ended_at) IS DISTINCT FROM promises.ended_at",
    )


async def kept(tx: ReadTx, start: datetime, end: datetime, now: datetime) -> dict[Kind, Kept]:
    """What became of the promises that fell due from `start` until before `end`."""
    rows = await tx.execute(
        """
        SELECT kind,
               count(*) FILTER (WHERE done_at <= due_at) AS kept,
               count(*) FILTER (WHERE done_at > due_at) AS late,
               count(*) FILTER (WHERE done_at IS NULL AND due_at < :now
                                AND (ended_at IS NULL OR ended_at > due_at)) AS broken,
               count(*) FILTER (WHERE done_at IS NULL AND due_at >= :now AND ended_at IS NULL) AS pending,
               count(*) FILTER (WHERE done_at IS NULL AND (ended_at <= due_at
                                OR ended_at IS NOT NULL AND due_at >= :now)) AS void,
               CAST(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - due_at))
                   FILTER (WHERE done_at > due_at) AS double precision) AS median_late_seconds
        FROM promises
        WHERE kind = ANY(CAST(:kinds AS text[])) AND due_at >= :start AND due_at < :end
        GROUP BY kind
        """,
        {"kinds": [each.value for each in Kind], "start": start, "end": end, "now": now},
    )
    return {Kind(row.kind): Kept(*row[1:]) for row in rows}


class Asked(NamedTuple):
    """A version of a survey: its questions as (id, kind, lowest, highest)."""

    version: int
    is_anonymous: bool
    questions: frozenset[tuple[str, str, int | None, int | None]]


async def asked_of_customers(tx: ReadTx, survey_id: UUID) -> list[Asked]:
    """The versions in which customers were asked a survey."""
    rows = await tx.execute(
        "SELECT version, is_anonymous, questions FROM survey_versions "
        "WHERE survey_id = :survey AND purpose = 'customers' ORDER BY version",
        {"survey": survey_id},
    )
    return [Asked(row.version, row.is_anonymous, frozenset(map(tuple, row.questions))) for row in rows]


async def answered_before(tx: ReadTx, survey_id: UUID, start: datetime, end: datetime, moment: datetime) -> int:
    """Complete answers of the period that had been given before a moment."""
    rows = await tx.execute(
        "SELECT count(*) FROM survey_answers WHERE survey_id = :survey AND at >= :start AND at < :end "
        "AND at < :moment AND state = 'complete'",
        {"survey": survey_id, "start": start, "end": end, "moment": moment},
    )
    number: int = rows.scalar_one()
    return number
