"""All SQL of surveys and their versions."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.surveys.definitions.domain.definition import State
from shared.db.engine import ReadTx, WriteTx


class Survey(NamedTuple):
    """What is live of a survey. `draft` is its JSON text; `version` 0: none was published.

    `is_full`: all places of its quota are taken; it is counted, never stored.
    """

    id: UUID
    name: str
    draft: str | None
    revision: int
    version: int
    closes_at: datetime | None
    quota: int | None
    is_full: bool
    closed_at: datetime | None
    closed_by: str | None
    library_key: str | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class Standing(NamedTuple):
    """Whether a survey takes answers: as much of it as each answer asks for."""

    version: int
    closes_at: datetime | None
    closed_at: datetime | None
    is_full: bool


class Summary(NamedTuple):
    """A survey in a list."""

    id: UUID
    name: str
    has_draft: bool
    revision: int
    version: int
    closes_at: datetime | None
    closed_at: datetime | None
    quota: int | None
    completed: int
    is_full: bool
    library_key: str | None
    created_at: datetime
    changed_at: datetime


class Version(NamedTuple):
    """A version; `document` is its JSON text."""

    survey_id: UUID
    version: int
    document: str
    note: str
    published_at: datetime
    published_by: str


# Counted only of a survey with a quota: a place is taken by whoever commits first.
_FULL = (
    "CASE WHEN quota IS NULL THEN false ELSE quota <= "
    "(SELECT coalesce(sum(answers), 0) FROM survey_completes AS c WHERE c.survey_id = surveys.id) END"
)
_STORED = tuple(name for name in Survey._fields if name != "is_full")
_SURVEY = ", ".join(
    {"draft": "CAST(draft AS text) AS draft", "is_full": f"{_FULL} AS is_full"}.get(name, name)
    for name in Survey._fields
)
_VERSION = ", ".join("CAST(document AS text) AS document" if name == "document" else name for name in Version._fields)


async def standing(tx: ReadTx, survey_id: UUID) -> Standing | None:
    """Whether a survey takes answers; None: there is none."""
    found = await tx.execute(
        f"SELECT version, closes_at, closed_at, {_FULL} AS is_full FROM surveys WHERE id = :id", {"id": survey_id}
    )
    row = found.one_or_none()
    return None if row is None else Standing._make(row)


async def get(tx: ReadTx, survey_id: UUID) -> Survey | None:
    """A survey."""
    row = (await tx.execute(f"SELECT {_SURVEY} FROM surveys WHERE id = :id", {"id": survey_id})).one_or_none()
    return None if row is None else Survey._make(row)


async def lock(tx: WriteTx, survey_id: UUID) -> Survey | None:
    """A survey that nobody else changes until the transaction ends."""
    found = await tx.execute(f"SELECT {_SURVEY} FROM surveys WHERE id = :id FOR NO KEY UPDATE", {"id": survey_id})
    row = found.one_or_none()
    return None if row is None else Survey._make(row)


async def put(tx: WriteTx, survey: Survey) -> None:
    """Store a survey, or its next state."""
    names = ", ".join(_STORED)
    values = ", ".join("CAST(:draft AS jsonb)" if name == "draft" else f":{name}" for name in _STORED)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in _STORED if name != "id")
    await tx.execute(
        f"INSERT INTO surveys ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {changes}", survey._asdict()
    )


_COMPLETED = "(SELECT coalesce(sum(answers), 0)::bigint FROM survey_completes AS c WHERE c.survey_id = surveys.id)"
_SUMMARY = ", ".join(
    {"has_draft": "draft IS NOT NULL", "completed": _COMPLETED, "is_full": _FULL}.get(name, name)
    for name in Summary._fields
)
_IS_OPEN = f"version > 0 AND closed_at IS NULL AND (closes_at IS NULL OR closes_at > :now) AND NOT {_FULL}"
_STATES = {"draft": "version = 0", "active": _IS_OPEN, "closed": f"version > 0 AND NOT ({_IS_OPEN})"}


async def listed(tx: ReadTx, now: datetime, *, state: State | None, before: UUID | None, limit: int) -> list[Summary]:
    """Surveys, those made last first."""
    wanted = ["true"]
    values: dict[str, object] = {"limit": limit}
    if before is not None:
        wanted.append("id < :before")
        values["before"] = before
    if state is not None:
        wanted.append(_STATES[state])
        values.update({"now": now} if state != "draft" else {})
    rows = await tx.execute(
        f"SELECT {_SUMMARY} FROM surveys WHERE {' AND '.join(wanted)} ORDER BY id DESC LIMIT :limit", values
    )
    return [Summary._make(row) for row in rows]


async def asked(tx: ReadTx, now: datetime) -> Sequence[tuple[UUID, int]]:
    """The surveys that take answers, each with its version."""
    rows = await tx.execute(f"SELECT id, version FROM surveys WHERE {_IS_OPEN} ORDER BY id", {"now": now})
    return [(row.id, row.version) for row in rows]


async def add_version(tx: WriteTx, version: Version) -> None:
    """Store a version."""
    await tx.execute(
        "INSERT INTO survey_versions (survey_id, version, document, note, published_at, published_by) "
        "VALUES (:survey_id, :version, CAST(:document AS jsonb), :note, :published_at, :published_by)",
        version._asdict(),
    )


async def version(tx: ReadTx, survey_id: UUID, number: int) -> Version | None:
    """A version."""
    found = await tx.execute(
        f"SELECT {_VERSION} FROM survey_versions WHERE survey_id = :id AND version = :number",
        {"id": survey_id, "number": number},
    )
    row = found.one_or_none()
    return None if row is None else Version._make(row)


async def versions(tx: ReadTx, survey_id: UUID, *, before: int | None, limit: int) -> list[Version]:
    """The versions of a survey, the latest first."""
    rows = await tx.execute(
        f"SELECT {_VERSION} FROM survey_versions WHERE survey_id = :id AND version < :before "
        "ORDER BY version DESC LIMIT :limit",
        {"id": survey_id, "before": 2**31 - 1 if before is None else before, "limit": limit},
    )
    return [Version._make(row) for row in rows]
