"""SQL of responses and their revisions, a set at a time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.surveys.answers.domain.response import Response
from services.surveys.answers.domain.said import Said
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_KINDS = {
    "id": "uuid",
    "survey_id": "uuid",
    "version": "integer",
    "invitation_id": "uuid",
    "reference": "text",
    "person": "uuid",
    "is_anonymous": "boolean",
    "is_imported": "boolean",
    "state": "text",
    "revision": "integer",
    "answers": "jsonb",
    "score": "smallint",
    "channel": "text",
    "locale": "text",
    "verification": "text",
    "touchpoint": "text",
    "stage": "text",
    "staff_id": "text",
    "weight": "double precision",
    "answered_at": "timestamptz",
    "changed_at": "timestamptz",
    "open_until": "timestamptz",
    "language": "text",
    "themes": "text[]",
    "themes_version": "integer",
    "withdrawn_by": "text",
    "withdrawn_reason": "text",
}
NAMES = ", ".join(_KINDS)
# What changes of a response once it is there.
_CHANGING = (
    "state",
    "revision",
    "answers",
    "score",
    "locale",
    "verification",
    "changed_at",
    "open_until",
    "language",
    "themes",
    "themes_version",
    "withdrawn_by",
    "withdrawn_reason",
)
_COLUMNS = {**_KINDS, "words": "tsvector"}
_UPDATE = "UPDATE responses AS r SET {sets} FROM unnest({arrays}) AS t (id, {names}, words) WHERE r.id = t.id".format(
    sets=", ".join(f"{name} = CAST(t.{name} AS {_KINDS[name]})" for name in _CHANGING)
    + ", words = CAST(t.words AS tsvector)",
    arrays=", ".join(
        f"CAST(:{name} AS {'text' if _KINDS[name] in ('jsonb', 'text[]') else _KINDS[name]}[])"
        for name in ("id", *_CHANGING)
    )
    + ", CAST(:words AS text[])",
    names=", ".join(_CHANGING),
)


class Revision(NamedTuple):
    """What a response said before."""

    response_id: UUID
    revision: int
    state: str
    answers: Any
    verification: str
    changed_at: datetime

    @classmethod
    def of(cls, response: Response) -> "Revision":
        """What a response says now, to be kept when it says something else."""
        return cls(
            response.id,
            response.revision,
            response.state,
            response.answers,
            response.verification,
            response.changed_at,
        )


def read(row: Any) -> Response:
    """A row of `NAMES`."""
    values = row._asdict()
    return Response(**{**values, "themes": tuple(values["themes"])})


async def lock(
    tx: WriteTx, ids: Collection[UUID], invitation_ids: Collection[UUID], references: Collection[tuple[UUID, str]]
) -> list[Response]:
    """Responses by their ids, by their invitations and by their references; nobody else changes them now."""
    rows = await tx.execute(
        f"SELECT {NAMES} FROM responses WHERE id = ANY(ARRAY("
        "SELECT unnest(CAST(:ids AS uuid[])) "
        "UNION ALL SELECT id FROM responses WHERE invitation_id = ANY(:invitations) "
        "UNION ALL SELECT id FROM responses AS r "
        "JOIN unnest(CAST(:surveys AS uuid[]), CAST(:references AS text[])) AS t (survey, reference) "
        "ON r.survey_id = t.survey AND r.reference = t.reference"
        ")) ORDER BY id FOR UPDATE",
        {
            "ids": list(ids),
            "invitations": list(invitation_ids),
            "surveys": [survey_id for survey_id, _ in references],
            "references": [reference for _, reference in references],
        },
    )
    return [read(row) for row in rows]


async def persons(tx: ReadTx, ids: Collection[UUID]) -> set[UUID]:
    """Whose responses these are."""
    rows = await tx.execute(
        "SELECT DISTINCT person FROM responses WHERE id = ANY(:ids) AND person IS NOT NULL", {"ids": list(ids)}
    )
    return {row.person for row in rows}


async def lock_references(tx: WriteTx, references: Collection[tuple[UUID, str]]) -> None:
    """Let nobody else use these references of surveys until the transaction ends: there may be no row to lock."""
    if references:
        await tx.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.response:' || name, 0)) "
            "FROM unnest(CAST(:names AS text[])) AS name",
            {"names": sorted(f"{survey_id}:{reference}" for survey_id, reference in references)},
        )


async def find(tx: ReadTx, key: UUID) -> Response | None:
    """A response."""
    row = (await tx.execute(f"SELECT {NAMES} FROM responses WHERE id = :id", {"id": key})).one_or_none()
    return None if row is None else read(row)


async def lock_one(tx: WriteTx, key: UUID) -> Response | None:
    """A response that nobody else changes until the transaction ends."""
    row = (await tx.execute(f"SELECT {NAMES} FROM responses WHERE id = :id FOR UPDATE", {"id": key})).one_or_none()
    return None if row is None else read(row)


async def add(tx: WriteTx, responses: Sequence[Response]) -> None:
    """Store new responses."""
    await insert_rows(
        tx, "responses", _COLUMNS, [(*_values(each, _KINDS), _tsvector(each.words)) for each in responses]
    )


async def change(tx: WriteTx, responses: Sequence[Response]) -> None:
    """Store what responses became."""
    if not responses:
        return
    names = ("id", *_CHANGING)
    columns = list(zip(*(_values(each, names) for each in responses), strict=True))
    values: dict[str, Any] = dict(zip(names, map(list, columns), strict=True))
    await tx.execute(_UPDATE, {**values, "words": [_tsvector(each.words) for each in responses]})


async def keep_revisions(tx: WriteTx, revisions: Sequence[Revision]) -> None:
    """Keep what responses said before."""
    await insert_rows(
        tx,
        "response_revisions",
        {
            "response_id": "uuid",
            "revision": "integer",
            "state": "text",
            "answers": "jsonb",
            "verification": "text",
            "changed_at": "timestamptz",
        },
        [each._replace(answers=_json(each.answers)) for each in revisions],
    )


async def revisions(tx: ReadTx, key: UUID) -> list[Revision]:
    """What a response said before, the first first."""
    rows = await tx.execute(
        "SELECT response_id, revision, state, answers, verification, changed_at FROM response_revisions "
        "WHERE response_id = :id ORDER BY revision",
        {"id": key},
    )
    return [Revision._make(row) for row in rows]


async def put_said(tx: WriteTx, said: Sequence[tuple[UUID, Said]]) -> None:
    """Store what texts were found to say; whatever was changed since is left as it is."""
    await tx.execute(
        "UPDATE responses AS r SET themes = CAST(t.themes AS text[]), themes_version = t.version "
        "FROM unnest(CAST(:ids AS uuid[]), CAST(:themes AS text[]), CAST(:versions AS integer[])) "
        "AS t (id, themes, version) WHERE r.id = t.id AND r.themes_version < t.version",
        {
            "ids": [key for key, _ in said],
            "themes": [_array(each.themes) for _, each in said],
            "versions": [each.themes_version for _, each in said],
        },
    )


def _values(response: Response, names: Collection[str]) -> list[Any]:
    values = [getattr(response, name) for name in names]
    for place, name in enumerate(names):
        if name == "answers":
            values[place] = _json(values[place])
        elif name == "themes":
            values[place] = _array(values[place])
    return values


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _array(words: Collection[str]) -> str:
    """The text form of an array; what stands in it has neither quotes nor backslashes."""
    return "{" + ",".join(f'"{word}"' for word in words) + "}"


def _tsvector(words: Collection[str]) -> str | None:
    """The text form of a vector of words; None where nothing was written."""
    return " ".join(f"'{word}'" for word in words) if words else None
