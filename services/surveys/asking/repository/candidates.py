"""SQL of candidates and of what was decided about them: one row, decided once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.surveys.asking.domain.candidate import Candidate, Reason
from services.surveys.asking.domain.rounds import Round
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = {
    "id": "uuid",
    "survey_id": "uuid",
    "person": "uuid",
    "cause": "text",
    "cause_id": "text",
    "wave": "integer",
    "happened_at": "timestamptz",
    "due_at": "timestamptz",
    "stale_at": "timestamptz",
    "source_id": "uuid",
    "order_id": "text",
    "touchpoint": "text",
    "stage": "text",
    "staff_id": "text",
    "locale": "text",
    "zone": "text",
    "channel": "text",
    "skips_sampling": "boolean",
    "number": "integer",
    "invitation_id": "uuid",
    "reason": "text",
    "detail": "text",
    "decided_at": "timestamptz",
    "policy_version": "integer",
}
_NAMES = ", ".join(each.name for each in fields(Candidate))
# `dataclasses.astuple` copies every value, and takes thirty times as long.
_row = attrgetter(*_COLUMNS)
_id = attrgetter("id")


def _read(row: Any) -> Candidate:
    return Candidate(*row)


async def add(tx: WriteTx, candidates: Iterable[Candidate]) -> int:
    """Propose candidates; those that were proposed before stay as they are. How many are new."""
    rows = [_row(each) for each in sorted(candidates, key=_id)]
    added = await insert_rows(tx, "candidates", _COLUMNS, rows, "ON CONFLICT (id) DO NOTHING RETURNING true AS added")
    return len(added)


async def due(tx: ReadTx, now: datetime, limit: int) -> dict[UUID, UUID]:
    """Candidates whose time has come, the oldest first, each with its person key."""
    rows = await tx.execute(
        "SELECT id, person FROM candidates WHERE reason IS NULL AND due_at <= :now ORDER BY due_at LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return {row.id: row.person for row in rows}


async def lock_waiting(tx: WriteTx, ids: Collection[UUID]) -> list[Candidate]:
    """Those that nobody has decided meanwhile, locked. Lock their persons first."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM candidates WHERE id = ANY(:ids) AND reason IS NULL ORDER BY id FOR UPDATE",
        {"ids": list(ids)},
    )
    return [_read(row) for row in rows]


async def waiting(tx: ReadTx, keys: Collection[UUID]) -> list[Candidate]:
    """All candidates under person keys that are not decided."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM candidates WHERE person = ANY(:keys) AND reason IS NULL", {"keys": list(keys)}
    )
    return [_read(row) for row in rows]


async def decide(tx: WriteTx, candidates: Sequence[Candidate]) -> None:
    """Store what was decided of candidates that are locked, and the time of those that wait on."""
    await tx.execute(
        "UPDATE candidates AS c SET reason = n.reason, detail = n.detail, decided_at = n.decided_at, "
        "policy_version = n.version, invitation_id = n.invitation_id, due_at = n.due_at, stale_at = n.stale_at "
        "FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:details AS text[]), "
        "CAST(:decided AS timestamptz[]), CAST(:versions AS integer[]), CAST(:invitations AS uuid[]), "
        "CAST(:due AS timestamptz[]), CAST(:stale AS timestamptz[])) "
        "AS n(id, reason, detail, decided_at, version, invitation_id, due_at, stale_at) "
        "WHERE c.id = n.id AND c.reason IS NULL",
        {
            "ids": [each.id for each in candidates],
            "reasons": [each.reason for each in candidates],
            "details": [each.detail for each in candidates],
            "decided": [each.decided_at for each in candidates],
            "versions": [each.policy_version for each in candidates],
            "invitations": [each.invitation_id for each in candidates],
            "due": [each.due_at for each in candidates],
            "stale": [each.stale_at for each in candidates],
        },
    )


async def get(tx: ReadTx, key: UUID) -> Candidate | None:
    """A candidate."""
    row = (await tx.execute(f"SELECT {_NAMES} FROM candidates WHERE id = :id", {"id": key})).one_or_none()
    return None if row is None else _read(row)


async def of_survey(
    tx: ReadTx,
    survey_id: UUID,
    *,
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Candidate]:
    """What was decided about a survey's candidates, the latest first; of one reason, in a time."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM candidates WHERE survey_id = :survey AND reason IS NOT NULL "
        "AND (CAST(:reason AS text) IS NULL OR reason = :reason) "
        "AND (CAST(:since AS timestamptz) IS NULL OR decided_at >= :since) "
        "AND (CAST(:until AS timestamptz) IS NULL OR decided_at < :until) "
        "AND (CAST(:at AS timestamptz) IS NULL OR (decided_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))) "
        "ORDER BY decided_at DESC, id DESC LIMIT :limit",
        {
            "survey": survey_id,
            "reason": reason,
            "since": since,
            "until": until,
            "at": after and after[0],
            "id": after and after[1],
            "limit": limit,
        },
    )
    return [_read(row) for row in rows]


async def of_person(
    tx: ReadTx, keys: Collection[UUID], *, survey_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Candidate]:
    """A person's candidates, decided or waiting, those that came from the latest facts first."""
    rows = await tx.execute(
        f"SELECT {_NAMES} FROM candidates WHERE person = ANY(:keys) "
        "AND (CAST(:survey AS uuid) IS NULL OR survey_id = :survey) "
        "AND (CAST(:at AS timestamptz) IS NULL OR (happened_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))) "
        "ORDER BY happened_at DESC, id DESC LIMIT :limit",
        {
            "keys": list(keys),
            "survey": survey_id,
            "at": after and after[0],
            "id": after and after[1],
            "limit": limit,
        },
    )
    return [_read(row) for row in rows]


async def totals(
    tx: ReadTx, survey_id: UUID, *, since: datetime | None, until: datetime | None
) -> Mapping[Reason | None, int]:
    """How many of a survey's candidates were decided for each reason, in a time; None: how many wait, at any time."""
    rows = await tx.execute(
        "SELECT reason, count(*) AS number FROM candidates WHERE survey_id = :survey AND (reason IS NULL OR ("
        "(CAST(:since AS timestamptz) IS NULL OR decided_at >= :since) "
        "AND (CAST(:until AS timestamptz) IS NULL OR decided_at < :until))) GROUP BY reason",
        {"survey": survey_id, "since": since, "until": until},
    )
    return {row.reason: row.number for row in rows}


async def rounds(tx: ReadTx, survey_id: UUID, keys: Collection[UUID]) -> dict[UUID, list[Round]]:
    """What became of person keys in a survey so far, reminders aside."""
    rows = await tx.execute(
        "SELECT person, max(decided_at) FILTER (WHERE reason = 'asked') AS asked_at, "
        "max(decided_at) FILTER (WHERE reason = 'not_sampled') AS sampled_out_at, max(due_at) AS last_at, "
        "bool_or(reason IS NULL) AS is_waiting FROM candidates "
        "WHERE person = ANY(:keys) AND survey_id = :survey AND number = 0 GROUP BY person",
        {"keys": list(keys), "survey": survey_id},
    )
    found: defaultdict[UUID, list[Round]] = defaultdict(list)
    for row in rows:
        found[row.person].append(Round(row.asked_at, row.sampled_out_at, row.last_at, row.is_waiting))
    return found
