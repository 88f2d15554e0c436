"""All SQL of the programme's versions."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from services.loyalty.programs.domain.terms import Terms
from shared.db.engine import ReadTx, WriteTx

Status = Literal["draft", "active", "withdrawn"]

_IN_FORCE = """
    SELECT version, effective_at, CAST(terms AS text) AS terms FROM program_versions
    WHERE status = 'active' ORDER BY effective_at, version
"""


async def in_force(tx: ReadTx) -> list[tuple[datetime, Terms]]:
    """The versions that came or will come into force, with when, in that order."""
    rows = await tx.execute(_IN_FORCE)
    return [(row.effective_at, _read(row.version, row.terms)) for row in rows]


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


_VERSION = """
    SELECT version, status, effective_at, CAST(terms AS text) AS terms, note, created_at, created_by, changed_at,
        changed_by
    FROM program_versions
"""


def _version(row: Any) -> Version:
    version = Version._make(row)
    return version._replace(terms=_read(row.version, row.terms))


async def claim(tx: WriteTx) -> None:
    """Be the only one who writes versions, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.program', 0))")


async def get(tx: ReadTx, version: int) -> Version | None:
    """A version."""
    row = (await tx.execute(f"{_VERSION} WHERE version = :version", {"version": version})).one_or_none()
    return None if row is None else _version(row)


async def listed(tx: ReadTx, *, before: int | None, limit: int) -> list[Version]:
    """Versions, the latest first."""
    rows = await tx.execute(
        f"{_VERSION} WHERE version < :before ORDER BY version DESC LIMIT :limit",
        {"before": 2**31 - 1 if before is None else before, "limit": limit},
    )
    return [_version(row) for row in rows]


async def last(tx: ReadTx) -> int:
    """The number of the latest version; 0: there is none."""
    found = await tx.execute("SELECT coalesce(max(version), 0) FROM program_versions")
    return int(found.scalar_one())


async def put(tx: WriteTx, version: Version) -> None:
    """Store a version, or the next state of one."""
    await tx.execute(
        """
        INSERT INTO program_versions
            (version, status, effective_at, terms, note, created_at, created_by, changed_at, changed_by)
        VALUES (:version, :status, :effective_at, CAST(:terms AS jsonb), :note, :created_at, :created_by, :changed_at,
            :changed_by)
        ON CONFLICT (version) DO UPDATE SET status = EXCLUDED.status, effective_at = EXCLUDED.effective_at,
            terms = EXCLUDED.terms, note = EXCLUDED.note, changed_at = EXCLUDED.changed_at,
            changed_by = EXCLUDED.changed_by
        """,
        {**version._asdict(), "terms": version.terms.model_dump_json(exclude={"version"})},
    )
