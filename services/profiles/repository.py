"""All SQL of customers, identifiers and traits. Rows are written in ascending key order; what changes nothing is not
written, so a batch about known customers costs little more than its reads.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.profiles.domain.facts import First, Seen
from services.profiles.domain.identifiers import Identifier
from services.profiles.domain.traits import TraitWrite
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class CustomerRow(NamedTuple):
    """A raw person key that was seen; `source` is where it was seen first."""

    id: UUID
    identified: bool
    source: str
    first_seen: datetime
    last_seen: datetime
    created_at: datetime


class IdentifierRow(NamedTuple):
    """An identifier of one raw person key."""

    type: str
    value: str
    customer_id: UUID
    first_seen: datetime
    source: str


class TraitRow(NamedTuple):
    """The word that holds for a trait; `value` is a JSON value."""

    name: str
    value: Any
    source: str
    event_id: UUID
    event_time: datetime
    recorded_at: datetime
    customer_id: UUID


class Change(NamedTuple):
    """A trait that was written, and whether its value is another than before."""

    customer_id: UUID
    name: str
    is_change: bool


async def put_customers(
    tx: WriteTx, seen: Mapping[UUID, Seen], *, changed: Collection[UUID], now: datetime
) -> list[UUID]:
    """Widen first and last seen, and stamp those that changed; the customers that are new."""
    keys = sorted(seen)
    rows = await tx.execute(
        """
        INSERT INTO customers (id, identified, source, first_seen, last_seen, created_at, updated_at)
        SELECT t.id, t.identified, t.source, t.first_seen, t.last_seen, :now, :now
        FROM unnest(CAST(:ids AS uuid[]), CAST(:identified AS boolean[]), CAST(:sources AS text[]),
                    CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]))
            AS t (id, identified, source, first_seen, last_seen)
        WHERE t.id = ANY(CAST(:changed AS uuid[])) OR NOT EXISTS (
            SELECT FROM customers AS c
            WHERE c.id = t.id AND c.last_seen >= t.last_seen
              AND (c.first_seen, c.source) <= (t.first_seen, t.source) AND c.identified >= t.identified
        )
        ON CONFLICT (id) DO UPDATE SET
            identified = customers.identified OR EXCLUDED.identified,
            source = CASE WHEN (EXCLUDED.first_seen, EXCLUDED.source) < (customers.first_seen, customers.source)
                          THEN EXCLUDED.source ELSE customers.source END,
            first_seen = LEAST(customers.first_seen, EXCLUDED.first_seen),
            last_seen = GREATEST(customers.last_seen, EXCLUDED.last_seen),
            updated_at = CASE WHEN customers.id = ANY(CAST(:changed AS uuid[])) THEN :now ELSE customers.updated_at END
        RETURNING id, xmax = 0 AS is_new -- an inserted row has no xmax, an updated one ours
        """,
        {
            "ids": keys,
            "identified": [seen[key].is_identified for key in keys],
            "sources": [seen[key].source for key in keys],
            "firsts": [seen[key].first for key in keys],
            "lasts": [seen[key].last for key in keys],
            "changed": list(changed),
            "now": now,
        },
    )
    return [row.id for row in rows if row.is_new]


async def put_identifiers(tx: WriteTx, identifiers: Mapping[Identifier, First]) -> set[UUID]:
    """Add what is new, and put back first_seen where it is earlier; the customers who got one more."""
    rows = await insert_rows(
        tx,
        "identifiers",
        {"type": "text", "value": "text", "customer_id": "uuid", "first_seen": "timestamptz", "source": "text"},
        [(*identifier, first.time, first.source) for identifier, first in sorted(identifiers.items())],
        """
        WHERE NOT EXISTS (
            SELECT FROM identifiers AS i
            WHERE i.type = t.type AND i.value = t.value AND i.customer_id = t.customer_id
              AND (i.first_seen, i.source) <= (t.first_seen, t.source)
        )
        ON CONFLICT (type, value, customer_id) DO UPDATE SET
            first_seen = EXCLUDED.first_seen, source = EXCLUDED.source
        WHERE (EXCLUDED.first_seen, EXCLUDED.source) < (identifiers.first_seen, identifiers.source)
        RETURNING customer_id, xmax = 0 AS is_new
        """,
    )
    return {row.customer_id for row in rows if row.is_new}


async def put_traits(tx: WriteTx, traits: Mapping[tuple[UUID, str], TraitWrite]) -> list[Change]:
    """Write the words that are later than those we have; what was written."""
    rows = await insert_rows(
        tx,
        "traits",
        {
            "customer_id": "uuid",
            "name": "text",
            "value": "jsonb",
            "source": "text",
            "event_id": "uuid",
            "event_time": "timestamptz",
            "recorded_at": "timestamptz",
            "is_change": "boolean",
        },
        [
            (*key, write.value, write.source, write.event_id, write.time, write.recorded, write.value is not None)
            for key, write in sorted(traits.items(), key=lambda each: each[0])
        ],
        """
        ON CONFLICT (customer_id, name) DO UPDATE SET
            value = EXCLUDED.value, source = EXCLUDED.source, event_id = EXCLUDED.event_id,
            event_time = EXCLUDED.event_time, recorded_at = EXCLUDED.recorded_at,
            is_change = traits.value IS DISTINCT FROM EXCLUDED.value
        WHERE (EXCLUDED.event_time, EXCLUDED.event_id) > (traits.event_time, traits.event_id)
        RETURNING customer_id, name, is_change
        """,
    )
    return [Change._make(row) for row in rows]


async def forget_oldest_traits(tx: WriteTx, customers: Collection[UUID], *, keep: int) -> int:
    """Keep the `keep` traits of each customer that were written last by event time; how many went.

    A trait that goes is older than `keep` others, and so is all that an earlier word on it could bring back: which
    ones stay does not depend on the order they came in.
    """
    result = await tx.execute(
        """
        DELETE FROM traits USING (
            SELECT customer_id, name, row_number() OVER (
                PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC, name
            ) AS place
            FROM traits WHERE customer_id IN (
                SELECT customer_id FROM traits WHERE customer_id = ANY(:customers)
                GROUP BY customer_id HAVING count(*) > :keep
            )
        ) AS ranked
        WHERE ranked.place > :keep AND traits.customer_id = ranked.customer_id AND traits.name = ranked.name
        """,
        {"customers": list(customers), "keep": keep},
    )
    return result.rowcount


async def owners(tx: ReadTx, type_: str, value: str) -> list[UUID]:
    """The raw person keys that go by an identifier."""
    rows = await tx.execute(
        "SELECT customer_id FROM identifiers WHERE type = :type AND value = :value ORDER BY customer_id LIMIT 1000",
        {"type": type_, "value": value},
    )
    return [row.customer_id for row in rows]


async def customers(tx: ReadTx, keys: Collection[UUID]) -> list[CustomerRow]:
    """Those of the keys that were seen, the first seen first."""
    rows = await tx.execute(
        "SELECT id, identified, source, first_seen, last_seen, created_at FROM customers "
        "WHERE id = ANY(:keys) ORDER BY first_seen, id",
        {"keys": list(keys)},
    )
    return [CustomerRow._make(row) for row in rows]


async def identifiers(tx: ReadTx, keys: Collection[UUID], *, limit: int) -> list[IdentifierRow]:
    """What these keys go by, the first seen first."""
    rows = await tx.execute(
        "SELECT type, value, customer_id, first_seen, source FROM identifiers "
        "WHERE customer_id = ANY(:keys) ORDER BY first_seen, type, value, customer_id LIMIT :limit",
        {"keys": list(keys), "limit": limit},
    )
    return [IdentifierRow._make(row) for row in rows]


async def traits(tx: ReadTx, keys: Collection[UUID]) -> list[TraitRow]:
    """The latest word on each trait among these keys, removed ones left out, by name."""
    rows = await tx.execute(
        """
        SELECT * FROM (
            SELECT DISTINCT ON (name) name, value, source, event_id, event_time, recorded_at, customer_id
            FROM traits WHERE customer_id = ANY(:keys)
            ORDER BY name, event_time DESC, event_id DESC
        ) AS latest WHERE value IS NOT NULL ORDER BY name
        """,
        {"keys": list(keys)},
    )
    return [TraitRow._make(row) for row in rows]


async def count_traits(tx: ReadTx, customer_id: UUID, *, besides: Collection[str]) -> int:
    """How many traits the key has with other names than these."""
    row = await tx.execute(
        "SELECT count(*) AS number FROM traits WHERE customer_id = :id AND NOT name = ANY(:besides)",
        {"id": customer_id, "besides": list(besides)},
    )
    return int(row.scalar_one())


async def people(
    tx: ReadTx,
    *,
    identified: bool | None,
    updated_since: datetime | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[CustomerRow]:
    """One row per person (its root), the newest first, `before` a place in that order.

    Changed since: a key of the person got a trait or an identifier, or was merged, or taken apart.
    """
    changed = """
        AND c.id IN (
            SELECT COALESCE(i.root_id, touched.id) FROM (
                SELECT id FROM customers WHERE updated_at >= :since
                UNION SELECT from_id FROM merge_log WHERE decided_at >= :since
                UNION SELECT into_id FROM merge_log WHERE decided_at >= :since
            ) AS touched LEFT JOIN identity i ON i.raw_id = touched.id
        )"""
    at, key = before or (None, None)
    rows = await tx.execute(
        f"""
        SELECT c.id, c.identified, c.source, c.first_seen, c.last_seen, c.created_at
        FROM customers AS c
        WHERE NOT EXISTS (SELECT FROM identity i WHERE i.raw_id = c.id AND i.root_id <> c.id)
          {"" if identified is None else "AND c.identified = :identified"}
          {"" if updated_since is None else changed}
          {"" if before is None else "AND (c.created_at, c.id) < (:at, :key)"}
        ORDER BY c.created_at DESC, c.id DESC LIMIT :limit
        """,
        {
            "limit": limit,
            **({} if identified is None else {"identified": identified}),
            **({} if updated_since is None else {"since": updated_since}),
            **({} if before is None else {"at": at, "key": key}),
        },
    )
    return [CustomerRow._make(row) for row in rows]
