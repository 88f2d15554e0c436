"""The SQL of the Profile API: what it pages, and `people/` does not."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx

# Where a page of external ids ends: it holds no identifier.
Place = tuple[datetime, str, str]


class ExternalIdRow(NamedTuple):
    """An identifier of a person, whichever of the keys have it."""

    type: str
    value: str
    first_seen: datetime
    source: str
    digest: str


async def external_ids(
    tx: ReadTx, keys: Collection[UUID], *, types: Collection[str] | None, after: Place | None, limit: int
) -> list[ExternalIdRow]:
    """What a person goes by, the first seen first, `after` a place in that order."""
    at, type_, digest = after or (None, None, None)
    rows = await tx.execute(
        f"""
        SELECT type, value, first_seen, source, digest FROM (
            SELECT DISTINCT ON (type, value) type, value, first_seen, source, md5(value) AS digest
            FROM identifiers
            WHERE customer_id = ANY(:keys) AND refused_because IS NULL AND type <> 'previous_id'
              {"" if types is None else "AND type = ANY(:types)"}
            ORDER BY type, value, first_seen, source
        ) AS own
        {"" if after is None else "WHERE (first_seen, type, digest) > (:at, :type, :digest)"}
        ORDER BY first_seen, type, digest LIMIT :limit
        """,
        {
            "keys": list(keys),
            "limit": limit,
            **({} if types is None else {"types": list(types)}),
            **({} if after is None else {"at": at, "type": type_, "digest": digest}),
        },
    )
    return [ExternalIdRow._make(row) for row in rows]


async def updated_at(tx: ReadTx, keys: Collection[UUID]) -> datetime | None:
    """When we last learnt something of any of these keys."""
    rows = await tx.execute("SELECT max(updated_at) FROM customers WHERE id = ANY(:keys)", {"keys": list(keys)})
    found: datetime | None = rows.scalar_one()
    return found
