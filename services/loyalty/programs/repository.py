"""All SQL of the programme's versions."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from services.loyalty.programs.domain import beside
from services.loyalty.programs.domain.beside import Change, Phase
from services.loyalty.programs.domain.terms import MAIN, Terms, Timeline, default_terms
from shared.db.engine import ReadTx, WriteTx

Status = Literal["draft", "active", "withdrawn"]

# In one statement: every transaction that touches points begins with it.
_CHANGES = """
    SELECT effective_at, program, version, CAST(terms AS text) AS terms, NULL AS state FROM program_versions
    WHERE status = 'active'
    UNION ALL SELECT at, program, 0, NULL, state FROM program_phases ORDER BY 1, 2, 3
"""


async def timeline(tx: ReadTx, zone: ZoneInfo) -> Timeline:
    """What held and will hold of all programmes, from when on."""
    return _timeline(zone, tuple(tuple(row) for row in await tx.execute(_CHANGES)))


@lru_cache(maxsize=64)
def _timeline(zone: ZoneInfo, rows: tuple[tuple[Any, ...], ...]) -> Timeline:
    changes = [
        Change(at, program, None if terms is None else _read(version, terms), state)
        for at, program, version, terms, state in rows
    ]
    return beside.timeline(default_terms(zone), changes)


async def in_force(tx: ReadTx, program: str) -> list[tuple[datetime, Terms]]:
    """The versions of a programme that came or will come into force, with when, in that order."""
    rows = await tx.execute(
        "SELECT version, effective_at, CAST(terms AS text) AS terms FROM program_versions "
        "WHERE program = :program AND status = 'active' ORDER BY effective_at, version",
        {"program": program},
    )
    return [(row.effective_at, _read(row.version, row.terms)) for row in rows]


async def homes(tx: ReadTx) -> dict[str, str]:
    """The programme of each wallet that any version in force names, or will."""
    rows = await tx.execute(
        "SELECT DISTINCT program, jsonb_object_keys(terms -> 'wallets') AS wallet FROM program_versions "
        "WHERE status = 'active'"
    )
    return {row.wallet: row.program for row in rows}


class Program(NamedTuple):
    """A programme beside the main one, with the phase it is in and the next that was said."""

    key: str
    labels: dict[str, str]
    created_at: datetime
    created_by: str


async def programs(tx: ReadTx) -> list[Program]:
    """All programmes but the main one, by key."""
    rows = await tx.execute("SELECT key, labels, created_at, created_by FROM programs ORDER BY key")
    return [Program._make(row) for row in rows]


async def program(tx: ReadTx, key: str) -> Program | None:
    """A programme."""
    rows = await tx.execute("SELECT key, labels, created_at, created_by FROM programs WHERE key = :key", {"key": key})
    row = rows.one_or_none()
    return None if row is None else Program._make(row)


async def add_program(tx: WriteTx, program: Program) -> bool:
    """Store a programme; False: there is one of this key."""
    done = await tx.execute(
        "INSERT INTO programs (key, labels, created_at, created_by) VALUES (:key, CAST(:labels AS jsonb), :created_at, "
        ":created_by) ON CONFLICT DO NOTHING",
        {**program._asdict(), "labels": orjson.dumps(program.labels).decode()},
    )
    return done.rowcount == 1


async def phases(tx: ReadTx, at: datetime) -> dict[str, Phase]:
    """The phase each programme is in at a moment, where one was said."""
    rows = await tx.execute(
        "SELECT DISTINCT ON (program) program, state FROM program_phases WHERE at <= :at ORDER BY program, at DESC",
        {"at": at},
    )
    return {row.program: row.state for row in rows}


async def put_phase(tx: WriteTx, program: str, at: datetime, state: Phase, by: str) -> None:
    """From a moment on a programme is in another phase."""
    await tx.execute(
        "INSERT INTO program_phases (program, at, state, by) VALUES (:program, :at, :state, :by) "
        "ON CONFLICT (program, at) DO UPDATE SET state = EXCLUDED.state, by = EXCLUDED.by",
        {"program": program, "at": at, "state": state, "by": by},
    )


# A version in force is never changed: its text is read once.
@lru_cache(maxsize=256)
def _read(version: int, terms: str) -> Terms:
    return Terms.model_validate_json(terms).model_copy(update={"version": version})


class Version(NamedTuple):
    """A version of the programme: a draft, in force from `effective_at` on, or withdrawn."""

    version: int
    status: Status
    effective_at: datetime | None
    terms: Terms
    note: str
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    program: str = MAIN


_VERSION = """
    SELECT version, status, effective_at, CAST(terms AS text) AS terms, note, created_at, created_by, changed_at,
        changed_by, program
    FROM program_versions
"""


def _version(row: Any) -> Version:
    version = Version._make(row)
    return version._replace(terms=_read(row.version, row.terms))


async def claim(tx: WriteTx) -> None:
    """Be the only one who writes versions, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.program', 0))")


async def get(tx: ReadTx, program: str, version: int) -> Version | None:
    """A version."""
    rows = await tx.execute(
        f"{_VERSION} WHERE program = :program AND version = :version", {"program": program, "version": version}
    )
    row = rows.one_or_none()
    return None if row is None else _version(row)


async def listed(tx: ReadTx, program: str, *, before: int | None, limit: int) -> list[Version]:
    """Versions, the latest first."""
    rows = await tx.execute(
        f"{_VERSION} WHERE program = :program AND version < :before ORDER BY version DESC LIMIT :limit",
        {"program": program, "before": 2**31 - 1 if before is None else before, "limit": limit},
    )
    return [_version(row) for row in rows]


async def last(tx: ReadTx, program: str) -> int:
    """The number of the latest version; 0: there is none."""
    found = await tx.execute(
        "SELECT coalesce(max(version), 0) FROM program_versions WHERE program = :program", {"program": program}
    )
    return int(found.scalar_one())


async def put(tx: WriteTx, version: Version) -> None:
    """Store a version, or the next state of one."""
    await tx.execute(
        """
        INSERT INTO program_versions
            (program, version, status, effective_at, terms, note, created_at, created_by, changed_at, changed_by)
        VALUES (:program, :version, :status, :effective_at, CAST(:terms AS jsonb), :note, :created_at, :created_by,
            :changed_at, :changed_by)
        ON CONFLICT (program, version) DO UPDATE SET status = EXCLUDED.status, effective_at = EXCLUDED.effective_at,
            terms = EXCLUDED.terms, note = EXCLUDED.note, changed_at = EXCLUDED.changed_at,
            changed_by = EXCLUDED.changed_by
        """,
        {**version._asdict(), "terms": version.terms.model_dump_json(exclude={"version"})},
    )
