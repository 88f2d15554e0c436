"""SQL of the inbox: cases by what is asked for, and how many stand where."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from services.surveys.cases.domain.case import STATUSES, Case
from services.surveys.cases.domain.filters import Filters, Sort
from services.surveys.cases.repository.cases import NAMES, read
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_KEYS: dict[Sort, tuple[str, str]] = {"due": ("(due_at, id)", ">"), "opened": ("(opened_at, id)", "<")}
_ORDER: dict[Sort, str] = {"due": "due_at, id", "opened": "opened_at DESC, id DESC"}

# Indexes cases_inbox, cases_owner, cases_person and cases_opened; words are found by case_notes_words.
_CONDITIONS = {
    "owner": "owner = :owner",
    "team": "team = :team",
    "statuses": "status = ANY(:statuses)",
    "priorities": "priority = ANY(:priorities)",
    "survey": "survey_id = :survey",
    "touchpoint": "touchpoint = :touchpoint",
    "persons": "person = ANY(:persons)",
    "due_before": "due_at < :due_before",
    "wants_callback": "wants_callback = :wants_callback",
    "root_cause": "root_cause = :root_cause",
    "watcher": "EXISTS (SELECT FROM case_watchers AS w WHERE w.case_id = cases.id AND w.agent = :watcher)",
    "words": "id IN (SELECT case_id FROM case_notes "
    "WHERE to_tsvector('simple', coalesce(text, '')) @@ plainto_tsquery('simple', :words))",
}


async def listed(
    tx: ReadTx, filters: Filters, *, now: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[Case]:
    """Cases that fulfil the filters, in their order."""
    conditions, values = ["merged_into IS NULL"], dict[str, Any](limit=limit)
    for name, condition in _CONDITIONS.items():
        value = getattr(filters, name)
        if value is not None:
            conditions.append(condition)
            values[name] = list(value) if isinstance(value, list | tuple | set | frozenset) else value
    if filters.is_overdue is not None:
        conditions.append("due_at <= :now" if filters.is_overdue else "due_at > :now")
        values["now"] = now
    if filters.is_owned is not None:
        conditions.append(f"owner IS {'NOT ' if filters.is_owned else ''}NULL")
    if after is not None:
        keys, direction = _KEYS[filters.sort]
        conditions.append(f"{keys} {direction} (:at, :key)")
        values |= {"at": after[0], "key": after[1]}
    rows = await tx.execute(
        f"SELECT {NAMES} FROM cases WHERE {' AND '.join(conditions)} ORDER BY {_ORDER[filters.sort]} LIMIT :limit",
        values,
    )
    return list(map(read, rows))


async def counts(tx: ReadTx, now: datetime) -> dict[str, Any]:
    """How many cases stand where."""
    rows = await tx.execute(
        "SELECT status, owner, team, count(*) AS n, count(*) FILTER (WHERE due_at <= :now) AS overdue "
        "FROM cases WHERE merged_into IS NULL GROUP BY status, owner, team",
        {"now": now},
    )
    by_status, by_owner, by_team = dict.fromkeys(STATUSES, 0), dict[str, int](), dict[str, int]()
    overdue = unowned = 0
    for row in rows:
        by_status[row.status] += row.n
        overdue += row.overdue
        if row.status != "closed":
            by_owner[row.owner or ""] = by_owner.get(row.owner or "", 0) + row.n
            by_team[row.team or ""] = by_team.get(row.team or "", 0) + row.n
            unowned += row.n if row.owner is None else 0
    return {"by_status": by_status, "by_owner": by_owner, "by_team": by_team, "overdue": overdue, "unowned": unowned}


async def watchers(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Who watches cases."""
    rows = await tx.execute(
        "SELECT case_id, array_agg(agent ORDER BY agent) AS agents FROM case_watchers WHERE case_id = ANY(:ids) "
        "GROUP BY case_id",
        {"ids": list(ids)},
    )
    return {row.case_id: row.agents for row in rows}


async def watch(tx: WriteTx, case_id: UUID, agent: str) -> bool:
    """Somebody watches a case; whether they did not before."""
    columns = {"case_id": "uuid", "agent": "text"}
    return bool(
        await insert_rows(tx, "case_watchers", columns, [(case_id, agent)], "ON CONFLICT DO NOTHING RETURNING agent")
    )


async def unwatch(tx: WriteTx, case_id: UUID, agent: str) -> bool:
    """Somebody watches a case no more; whether they did before."""
    result = await tx.execute(
        "DELETE FROM case_watchers WHERE case_id = :case AND agent = :agent", {"case": case_id, "agent": agent}
    )
    return result.rowcount == 1


async def merged(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The cases that are part of cases."""
    rows = await tx.execute(
        "SELECT merged_into, array_agg(id ORDER BY id) AS parts FROM cases WHERE merged_into = ANY(:ids) "
        "GROUP BY merged_into",
        {"ids": list(ids)},
    )
    return {row.merged_into: row.parts for row in rows}
