"""SQL of cases. Locks: what holds for all (shared), persons, cases in ascending order, then teams."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.surveys.cases.domain.case import Case
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_TYPES = {
    "id": "uuid",
    "version": "integer",
    "entries": "integer",
    "person": "uuid",
    "response_id": "uuid",
    "revision": "integer",
    "survey_id": "uuid",
    "is_anonymous": "boolean",
    "rule": "text",
    "kind": "text",
    "score": "integer",
    "touchpoint": "text",
    "stage": "text",
    "staff_id": "text",
    "wants_callback": "boolean",
    "themes": "text[]",
    "priority": "text",
    "opened_at": "timestamptz",
    "clock_from": "timestamptz",
    "status": "text",
    "owner": "text",
    "team": "text",
    "contacted_at": "timestamptz",
    "contact_seconds": "integer",
    "running_since": "timestamptz",
    "ran": "jsonb",
    "resolved_at": "timestamptz",
    "closed_at": "timestamptz",
    "outcome": "text",
    "root_cause": "text",
    "merged_into": "uuid",
    "contact_due_at": "timestamptz",
    "resolve_due_at": "timestamptz",
    "due_at": "timestamptz",
    "next_step_at": "timestamptz",
}
NAMES = ", ".join(each.name for each in fields(Case))
_ACTIVE = "status IN ('open', 'in_progress', 'waiting_customer') AND merged_into IS NULL"
_UNCLOSED = "status <> 'closed' AND merged_into IS NULL"


class Glance(NamedTuple):
    """What an answer can have to do with cases: it has one, or its person has some that were closed."""

    has_case: bool
    has_closed: bool


async def glance(tx: ReadTx, answers: Sequence[tuple[UUID, UUID | None]]) -> dict[UUID, Glance]:
    """One look for all answers that come in, most of which have nothing to do with any case; by response.

    `answers` are responses, each with the raw person key; a person is all keys of one root.
    """
    rows = await tx.execute(
        """
        SELECT a.response_id, EXISTS (SELECT FROM cases WHERE response_id = a.response_id) AS has_case,
            EXISTS (SELECT FROM cases WHERE closed_at IS NOT NULL AND person IN (
                SELECT a.person
                UNION ALL SELECT root_id FROM identity WHERE raw_id = a.person
                UNION ALL SELECT raw_id FROM identity WHERE root_id = a.person
                UNION ALL SELECT other.raw_id FROM identity AS own JOIN identity AS other ON other.root_id = own.root_id
                    WHERE own.raw_id = a.person
            )) AS has_closed
        FROM unnest(CAST(:responses AS uuid[]), CAST(:persons AS uuid[])) AS a (response_id, person)
        """,
        {"responses": [response for response, _ in answers], "persons": [person for _, person in answers]},
    )
    return {row.response_id: Glance(row.has_case, row.has_closed) for row in rows}


async def add(tx: WriteTx, cases: Sequence[Case]) -> frozenset[UUID]:
    """Store new cases, those whose response has none; their ids."""
    rows = [_row(each) for each in cases]
    tail = "ON CONFLICT (response_id) DO NOTHING RETURNING id"
    return frozenset(row.id for row in await insert_rows(tx, "cases", _TYPES, rows, tail))


async def save(tx: WriteTx, cases: Iterable[Case]) -> None:
    """Store cases as they are now; they are locked."""
    rows = [_row(each) for each in sorted(cases, key=lambda each: each.id)]
    if not rows:
        return
    names = [name for name in _TYPES if name != "id"]
    picked = ", ".join(f"CAST(t.{name} AS {_TYPES[name]}) AS {name}" for name in names)
    arrays = ", ".join(f"CAST(:{name} AS {_array(kind)})" for name, kind in _TYPES.items())
    await tx.execute(
        f"UPDATE cases SET {', '.join(f'{name} = new.{name}' for name in names)} "
        f"FROM (SELECT t.id, {picked} FROM unnest({arrays}) AS t({', '.join(_TYPES)})) AS new "
        "WHERE cases.id = new.id",
        dict(zip(_TYPES, map(list, zip(*rows, strict=True)), strict=True)),
    )


async def get(tx: ReadTx, case_id: UUID) -> Case | None:
    """A case."""
    rows = await tx.execute(f"SELECT {NAMES} FROM cases WHERE id = :id", {"id": case_id})
    return next(map(read, rows), None)


async def lock(tx: WriteTx, ids: Collection[UUID]) -> dict[UUID, Case]:
    """Cases, which nobody else changes until the transaction ends."""
    rows = await tx.execute(
        f"SELECT {NAMES} FROM cases WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE", {"ids": list(ids)}
    )
    return {each.id: each for each in map(read, rows)}


async def lock_of_responses(tx: WriteTx, responses: Collection[UUID]) -> list[Case]:
    """The cases of responses, locked."""
    return await lock_for(tx, responses, ())


async def lock_all_unclosed(tx: WriteTx, after: UUID, limit: int) -> list[Case]:
    """Cases that are not closed, by id; merged ones too, for they may be taken apart again."""
    rows = await tx.execute(
        f"SELECT {NAMES} FROM cases WHERE status <> 'closed' AND id > :after ORDER BY id LIMIT :limit "
        "FOR NO KEY UPDATE",
        {"after": after, "limit": limit},
    )
    return list(map(read, rows))


async def claim_due(tx: WriteTx, now: datetime, limit: int) -> list[Case]:
    """Cases in which a step is due, and which nobody else works on."""
    rows = await tx.execute(
        f"SELECT {NAMES} FROM cases WHERE next_step_at <= :now AND {_ACTIVE} ORDER BY next_step_at LIMIT :limit "
        "FOR NO KEY UPDATE SKIP LOCKED",
        {"now": now, "limit": limit},
    )
    return list(map(read, rows))


async def lock_for(tx: WriteTx, responses: Collection[UUID], persons: Collection[UUID]) -> list[Case]:
    """The cases of responses, and those of these person keys that are closed and no part of others; all locked."""
    rows = await tx.execute(
        f"SELECT {NAMES} FROM cases WHERE response_id = ANY(:responses) "
        "OR (person = ANY(:persons) AND closed_at IS NOT NULL AND merged_into IS NULL) ORDER BY id FOR NO KEY UPDATE",
        {"responses": list(responses), "persons": list(persons)},
    )
    return list(map(read, rows))


async def open_of(tx: ReadTx, persons: Collection[UUID]) -> frozenset[UUID]:
    """Those of these person keys that have a case which is not closed."""
    rows = await tx.execute(
        f"SELECT DISTINCT person FROM cases WHERE person = ANY(:persons) AND {_UNCLOSED}", {"persons": list(persons)}
    )
    return frozenset(row.person for row in rows)


async def steps(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The steps that cases have behind them."""
    rows = await tx.execute("SELECT case_id, step FROM case_steps WHERE case_id = ANY(:ids)", {"ids": list(ids)})
    found: dict[UUID, set[str]] = {}
    for row in rows:
        found.setdefault(row.case_id, set()).add(row.step)
    return {key: frozenset(found.get(key, ())) for key in ids}


async def take_steps(tx: WriteTx, taken: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Steps were taken. The key refuses a second time."""
    await insert_rows(tx, "case_steps", {"case_id": "uuid", "step": "text", "at": "timestamptz"}, taken)


def read(row: Any) -> Case:
    """A case as it is stored."""
    values = dict(row._mapping)  # noqa: SLF001 - the documented way to a row's mapping
    values["themes"] = tuple(values["themes"])
    values["ran"] = tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in values["ran"])
    return Case(**values)


def _row(case: Case) -> tuple[Any, ...]:
    special = {
        "themes": _text_array(case.themes),
        "ran": orjson.dumps(case.ran).decode(),
    }
    return tuple(special.get(name, getattr(case, name)) for name in _TYPES)


def _text_array(values: Iterable[str]) -> str:
    escaped = (each.replace("\\", "\\\\").replace('"', '\\"') for each in values)
    return "{" + ",".join(f'"{each}"' for each in escaped) + "}"


def _array(kind: str) -> str:
    return "text[]" if kind in ("jsonb", "text[]") else f"{kind}[]"
