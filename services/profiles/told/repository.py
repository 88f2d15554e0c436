"""The SQL of what other services tell."""

from collections.abc import Sequence
from uuid import UUID

from services.profiles.people.repository import Beside
from services.profiles.told.domain import Fact
from shared.db.bulk import insert_rows
from shared.db.engine import WriteTx

_COLUMNS = {
    "customer_id": "uuid",
    "fact": "text",
    "part": "text",
    "version": "bigint",
    "number": "bigint",
    "word": "text",
    "until": "timestamptz",
    "told_at": "timestamptz",
}
_REPLACE = ", ".join(f"{name} = EXCLUDED.{name}" for name in list(_COLUMNS)[3:])


async def put(tx: WriteTx, facts: Sequence[Fact]) -> set[tuple[UUID, str]]:
    """Keep what is later than what we have; the keys of which something was kept, and what. In ascending order."""
    rows = await insert_rows(
        tx,
        "told_facts",
        _COLUMNS,
        facts,
        f"ON CONFLICT (customer_id, fact, part) DO UPDATE SET {_REPLACE} "
        "WHERE told_facts.version < EXCLUDED.version RETURNING customer_id, fact",
    )
    return {(row.customer_id, row.fact) for row in rows}


# All that was told of a person.
TOLD = Beside(
    f"SELECT {', '.join(_COLUMNS)} FROM told_facts WHERE customer_id = ANY({{keys}}) ORDER BY customer_id, fact, part",
    Fact._make,
)
