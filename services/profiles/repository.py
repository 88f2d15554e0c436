"""The SQL that writes customers, identifiers and traits; `people/` has what reads them.

Rows are written in ascending key order, and what changes nothing is not written, so a batch about known customers
costs little more than its reads.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profiles.domain.facts import First, Seen
from services.profiles.domain.identifiers import ANONYMOUS_ID, USER_ID, Identifier
from services.profiles.domain.traits import TraitWrite
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Change(NamedTuple):
    """A trait that was written, and whether its value is another than before."""

    customer_id: UUID
    name: str
    is_change: bool


class Met(NamedTuple):
    """A customer whose row was written; `is_earlier` if nobody knew of a touchpoint as early as ours."""

    id: UUID
    is_new: bool
    is_earlier: bool


async def put_customers(
    tx: WriteTx, seen: Mapping[UUID, Seen], *, changed: Collection[UUID], now: datetime
) -> list[Met]:
    """Widen first and last seen, and stamp those that changed; the customers that were written."""
    if not seen:
        return []
    met = sorted(seen.items(), key=_by_key)
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
        -- An inserted row has no xmax, an updated one ours.
        RETURNING id, xmax = 0 AS is_new, first_seen
        """,
        {
            "ids": [key for key, _ in met],
            "identified": [each.is_identified for _, each in met],
            "sources": [each.source for _, each in met],
            "firsts": [each.first for _, each in met],
            "lasts": [each.last for _, each in met],
            "changed": list(changed),
            "now": now,
        },
    )
    return [Met(row.id, row.is_new, row.first_seen == seen[row.id].first) for row in rows]


def _by_key(row: tuple[UUID, object]) -> int:
    # Compares as fast as a number; the order is the database's own order of UUIDs.
    return row[0].int


async def touch(tx: WriteTx, customers: Collection[UUID], *, now: datetime) -> None:
    """Stamp customers of whom something was learnt without seeing them."""
    if customers:
        await tx.execute(
            "UPDATE customers SET updated_at = :now WHERE id = ANY(:ids)", {"ids": list(customers), "now": now}
        )


class Named(NamedTuple):
    """An identifier that was written: one more of the key's, or one that was seen earlier than was known."""

    identifier: Identifier
    is_new: bool


class Bounds(NamedTuple):
    """How many identifiers a key goes by: of each type (`*`: of others), and of all together, where those of the
    smallest priority come first.
    """

    of_type: Mapping[str, int]
    of_all: int
    priorities: Mapping[str, int]
    default_priority: int


async def put_identifiers(tx: WriteTx, identifiers: Mapping[Identifier, First], *, bounds: Bounds) -> list[Named]:
    """Add what is new, and put back first_seen where it is earlier; what was written.

    Of each type a key goes by those first seen, as many as its limit; the rest is refused.
    """
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
            first_seen = EXCLUDED.first_seen, source = EXCLUDED.source, refused_because = NULL
        WHERE (EXCLUDED.first_seen, EXCLUDED.source) < (identifiers.first_seen, identifiers.source)
        RETURNING type, value, customer_id, xmax = 0 AS is_new
        """,
    )
    # The id that a key is made of is one alone.
    pairs = sorted({(row.customer_id, row.type) for row in rows if row.type not in (USER_ID, ANONYMOUS_ID)})
    limits = bounds.of_type
    await _refuse_over_limit(tx, [(key, type_, limits.get(type_, limits["*"])) for key, type_ in pairs])
    await _refuse_beyond(tx, sorted({key for key, _ in pairs}), bounds)
    return [Named(Identifier(row.type, row.value, row.customer_id), row.is_new) for row in rows]


async def _refuse_over_limit(tx: WriteTx, seats: Sequence[tuple[UUID, str, int]]) -> None:
    """Refuse what was first seen after as many as there are seats; `seats`: key, type, how many.

    What is refused already is never read: the identifiers that hold are always the earliest (index identifiers_held).
    """
    if not seats:
        return
    await tx.execute(
        """
        UPDATE identifiers SET refused_because = 'over_limit'
        FROM unnest(CAST(:keys AS uuid[]), CAST(:types AS text[]), CAST(:seats AS int[])) AS t (key, type, seats)
        CROSS JOIN LATERAL (
            SELECT i.first_seen, i.value FROM identifiers AS i
            WHERE i.customer_id = t.key AND i.type = t.type AND i.refused_because IS NULL
            ORDER BY i.first_seen, i.value OFFSET t.seats - 1 LIMIT 1
        ) AS last
        WHERE identifiers.customer_id = t.key AND identifiers.type = t.type AND identifiers.refused_because IS NULL
          AND (identifiers.first_seen, identifiers.value) > (last.first_seen, last.value)
        """,
        {
            "keys": [key for key, _, _ in seats],
            "types": [type_ for _, type_, _ in seats],
            "seats": [number for _, _, number in seats],
        },
    )


async def _refuse_beyond(tx: WriteTx, keys: Sequence[UUID], bounds: Bounds) -> None:
    """Refuse what a key has beyond the limit of all types: of the greatest priority first, then what was seen last.

    What holds is always the same, whatever the order: another of the same type only ever makes way for an earlier one.
    """
    if not keys:
        return
    await tx.execute(
        """
        UPDATE identifiers SET refused_because = 'over_limit'
        FROM (
            SELECT i.type, i.value, i.customer_id, row_number() OVER (
                PARTITION BY i.customer_id ORDER BY coalesce(p.priority, :usual), i.first_seen, i.type, i.value
            ) AS place
            FROM identifiers AS i
            LEFT JOIN unnest(CAST(:types AS text[]), CAST(:priorities AS int[])) AS p (type, priority) USING (type)
            WHERE i.customer_id IN (
                SELECT customer_id FROM identifiers
                WHERE customer_id = ANY(CAST(:keys AS uuid[])) AND refused_because IS NULL
                GROUP BY customer_id HAVING count(*) > :most
            ) AND i.refused_because IS NULL AND i.type <> ALL(CAST(:own AS text[]))
        ) AS ranked
        WHERE ranked.place > :most AND identifiers.type = ranked.type AND identifiers.value = ranked.value
          AND identifiers.customer_id = ranked.customer_id
        """,
        {
            "keys": list(keys),
            "most": bounds.of_all,
            "types": list(bounds.priorities),
            "priorities": list(bounds.priorities.values()),
            "usual": bounds.default_priority,
            "own": [USER_ID, ANONYMOUS_ID],
        },
    )


async def over_limit(
    tx: ReadTx, identifiers: Collection[Identifier], links: Collection[tuple[UUID, UUID]]
) -> str | None:
    """The type of one of these identifiers that is refused, or `link` if one of these pairs is."""
    rows = await tx.execute(
        """
        SELECT i.type FROM unnest(CAST(:types AS text[]), CAST(:values AS text[]), CAST(:keys AS uuid[]))
            AS t (type, value, customer_id) JOIN identifiers AS i USING (type, value, customer_id)
        WHERE i.refused_because = 'over_limit'
        UNION ALL
        SELECT 'link' FROM unnest(CAST(:froms AS uuid[]), CAST(:intos AS uuid[])) AS t (from_id, into_id)
            JOIN links USING (from_id, into_id) WHERE links.status = 'over_limit'
        LIMIT 1
        """,
        {
            "types": [each.type for each in identifiers],
            "values": [each.value for each in identifiers],
            "keys": [each.customer_id for each in identifiers],
            "froms": [from_id for from_id, _ in links],
            "intos": [into_id for _, into_id in links],
        },
    )
    found: str | None = rows.scalar()
    return found


async def put_traits(tx: WriteTx, traits: Mapping[tuple[UUID, str], TraitWrite]) -> list[Change]:
    """Write the words that are later than those we have; what was written."""
    rows = await insert_rows(
        tx,
        "traits",
        {
            "customer_id": "uuid",
            "name": "text",
            "value": "jsonb",
            "said": "jsonb",
            "source": "text",
            "event_id": "uuid",
            "event_time": "timestamptz",
            "recorded_at": "timestamptz",
            "is_change": "boolean",
        },
        [
            (
                *key,
                write.value,
                write.said,
                write.source,
                write.event_id,
                write.time,
                write.recorded,
                write.value is not None,
            )
            for key, write in sorted(traits.items(), key=_by_customer_and_name)
        ],
        """
        ON CONFLICT (customer_id, name) DO UPDATE SET
            value = EXCLUDED.value, said = EXCLUDED.said, source = EXCLUDED.source, event_id = EXCLUDED.event_id,
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


def _by_customer_and_name(row: tuple[tuple[UUID, str], object]) -> tuple[int, str]:
    (customer_id, name), _ = row
    return customer_id.int, name
