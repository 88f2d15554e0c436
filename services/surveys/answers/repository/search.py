"""SQL that finds responses."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.surveys.answers.domain.filters import Filters
from services.surveys.answers.domain.response import Response
from services.surveys.answers.repository.responses import NAMES, read
from shared.db.engine import ReadTx, WriteTx

_CONDITIONS = {
    "survey_id": "survey_id = :survey_id",
    "invitation_id": "invitation_id = :invitation_id",
    "persons": "person = ANY(CAST(:persons AS uuid[]))",
    "touchpoint": "touchpoint = :touchpoint",
    "stage": "stage = :stage",
    "staff_id": "staff_id = :staff_id",
    "score_from": "score >= :score_from",
    "score_to": "score <= :score_to",
    "tag": "EXISTS (SELECT FROM response_tags AS t WHERE t.response_id = responses.id AND t.tag = :tag)",
    "theme": "themes @> ARRAY[CAST(:theme AS text)] AND themes <> '{}'",
    "language": "language = :language",
    "locale": "locale = :locale",
    "channel": "channel = :channel",
    "verification": "verification = :verification",
    "answered_from": "answered_at >= :answered_from",
    "answered_until": "answered_at < :answered_until",
}
_STATES = {
    "started": "state = 'started' AND open_until > :now",
    "partial": "state = 'partial' AND open_until > :now",
    "expired": "state IN ('started', 'partial') AND open_until <= :now",
    "complete": "state = 'complete'",
    "withdrawn": "state = 'withdrawn'",
}


async def page(
    tx: ReadTx, filters: Filters, *, now: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[Response]:
    """Responses, those answered last first; behind `after` if given."""
    where, values = _where(filters, now)
    if after is not None:
        where.append("(answered_at, id) < (:after_at, :after_id)")
        values |= {"after_at": after[0], "after_id": after[1]}
    rows = await tx.execute(
        f"SELECT {NAMES} FROM responses WHERE {' AND '.join(where)} ORDER BY answered_at DESC, id DESC LIMIT :limit",
        {**values, "limit": limit},
    )
    return [read(row) for row in rows]


async def count(tx: ReadTx, filters: Filters, *, now: datetime) -> int:
    """How many responses there are."""
    where, values = _where(filters, now)
    rows = await tx.execute(f"SELECT count(*) FROM responses WHERE {' AND '.join(where)}", values)
    return int(rows.scalar_one())


async def tags(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, list[str]]:
    """The tags of responses, in alphabetical order."""
    found: dict[UUID, list[str]] = {key: [] for key in keys}
    rows = await tx.execute(
        "SELECT response_id, tag FROM response_tags WHERE response_id = ANY(:ids) ORDER BY tag", {"ids": list(keys)}
    )
    for row in rows:
        found[row.response_id].append(row.tag)
    return found


async def tag(tx: WriteTx, key: UUID, tag: str, *, by: str, at: datetime) -> None:
    """Put a tag on a response, once."""
    await tx.execute(
        "INSERT INTO response_tags (response_id, tag, tagged_by, tagged_at) VALUES (:id, :tag, :by, :at) "
        "ON CONFLICT DO NOTHING",
        {"id": key, "tag": tag, "by": by, "at": at},
    )


async def untag(tx: WriteTx, key: UUID, tag: str) -> None:
    """Take a tag off a response."""
    await tx.execute("DELETE FROM response_tags WHERE response_id = :id AND tag = :tag", {"id": key, "tag": tag})


def _where(filters: Filters, now: datetime) -> tuple[list[str], dict[str, Any]]:
    where, values = ["true"], dict[str, Any]()
    for name, condition in _CONDITIONS.items():
        value = getattr(filters, name)
        if value is not None:
            where.append(condition)
            values[name] = list(value) if name == "persons" else value
    if filters.state is not None:
        where.append(_STATES[filters.state])
        if ":now" in _STATES[filters.state]:
            values["now"] = now
    if filters.words:
        where.append("words @@ CAST(:words AS tsquery)")
        # The last word may be the beginning of one.
        values["words"] = " & ".join(f"'{word}'" for word in filters.words) + ":*"
    return where, values


async def endings(
    tx: ReadTx, survey_id: UUID, version: int, order: Sequence[str], *, since: datetime, until: datetime
) -> Sequence[tuple[bool, int, int]]:
    """How far people came: whether they finished, the place in `order` of the last question answered (0: none), and
    how many of them there are.
    """
    rows = await tx.execute(
        "SELECT state = 'complete' AS is_complete, coalesce((SELECT max(array_position(CAST(:order AS text[]), key)) "
        "FROM jsonb_object_keys(answers) AS key), 0) AS place, count(*) AS people FROM responses "
        "WHERE survey_id = :survey AND version = :version AND state <> 'withdrawn' "
        "AND answered_at >= :since AND answered_at < :until GROUP BY 1, 2",
        {"order": list(order), "survey": survey_id, "version": version, "since": since, "until": until},
    )
    return [(row.is_complete, row.place, row.people) for row in rows]


async def answered(tx: ReadTx, survey_id: UUID, version: int, *, since: datetime, until: datetime) -> dict[str, int]:
    """How many answered each question."""
    rows = await tx.execute(
        "SELECT key, count(*) AS people FROM responses, jsonb_object_keys(answers) AS key "
        "WHERE survey_id = :survey AND version = :version AND state <> 'withdrawn' "
        "AND answered_at >= :since AND answered_at < :until GROUP BY key",
        {"survey": survey_id, "version": version, "since": since, "until": until},
    )
    return {row.key: row.people for row in rows}
