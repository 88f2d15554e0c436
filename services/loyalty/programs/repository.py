"""All SQL of the programme's versions."""

from datetime import datetime
from functools import lru_cache

from services.loyalty.programs.domain.terms import Terms
from shared.db.engine import ReadTx

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
