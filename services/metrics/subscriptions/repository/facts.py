"""Subscriptions with their facts. They are locked, by their persons, before they are read to be changed."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.metrics.subscriptions.domain.facts import Subscription
from shared.db.bulk import insert_new_rows, insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.errors import Retry

_COLUMNS = {"subscription_id": "text", "customer": "uuid", "facts": "jsonb"}


async def owners(tx: ReadTx, ids: Collection[str]) -> set[UUID]:
    """The person keys that those of the subscriptions which are known belong to."""
    rows = await tx.execute(
        "SELECT DISTINCT customer FROM subscriptions WHERE subscription_id = ANY(CAST(:ids AS text[]))",
        {"ids": list(ids)},
    )
    return set(rows.scalars())


async def of_customers(tx: ReadTx, customers: Collection[UUID]) -> list[Subscription]:
    """All subscriptions of these person keys."""
    rows = await tx.execute(
        "SELECT subscription_id, facts FROM subscriptions WHERE customer = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(customers)},
    )
    return list(map(_subscription, rows))


def _subscription(row: Any) -> Subscription:
    return Subscription.of_document(row.subscription_id, row.facts)


async def add(tx: WriteTx, found: Iterable[Subscription]) -> None:
    """Keep subscriptions that were not known.

    Raises:
        Retry: another transaction has stored one of them since.
    """
    if not await insert_new_rows(tx, "subscriptions", _COLUMNS, _rows(found), "subscription_id"):
        raise Retry("another worker stored one of these subscriptions at the same time")


async def replace(tx: WriteTx, found: Iterable[Subscription]) -> None:
    """Keep what is known now of subscriptions whose persons are locked."""
    replaced = "ON CONFLICT (subscription_id) DO UPDATE SET customer = EXCLUDED.customer, facts = EXCLUDED.facts"
    await insert_rows(tx, "subscriptions", _COLUMNS, _rows(found), replaced)


def _rows(found: Iterable[Subscription]) -> list[tuple[str, UUID, str]]:
    return [
        (each.id, each.customer, orjson.dumps(each.document()).decode())
        for each in sorted(found, key=lambda each: each.id)
    ]


class Some(NamedTuple):
    """Persons after a key, up to another, each with their subscriptions; `last` None: there is nobody after them."""

    persons: Sequence[Sequence[Subscription]]
    last: UUID | None


async def some(tx: ReadTx, after: UUID | None, most: int) -> Some:
    """So many keys, in ascending order of persons: along two indexes, so that it costs the same wherever it begins."""
    rows = await tx.execute(
        """
        WITH keys AS (
            (SELECT DISTINCT customer AS key FROM subscriptions
             WHERE CAST(:after AS uuid) IS NULL OR customer > :after ORDER BY key LIMIT :most)
            UNION
            (SELECT DISTINCT root_id FROM identity
             WHERE CAST(:after AS uuid) IS NULL OR root_id > :after ORDER BY root_id LIMIT :most)
        ), roots AS (SELECT key FROM keys ORDER BY key LIMIT :most), raws AS (
            SELECT key AS root, key AS raw FROM roots
            WHERE NOT EXISTS (SELECT FROM identity WHERE raw_id = key AND root_id <> key)
            UNION SELECT root_id, raw_id FROM identity JOIN roots ON root_id = key
        )
        SELECT root, subscription_id, facts, (SELECT key FROM roots ORDER BY key DESC LIMIT 1) AS last,
               (SELECT count(*) FROM roots) AS keys
        FROM (SELECT) AS once LEFT JOIN (raws JOIN subscriptions ON customer = raw) ON true
        ORDER BY root, subscription_id
        """,
        {"after": after, "most": most},
    )
    persons: dict[UUID, list[Subscription]] = {}
    last = None
    for row in rows:
        last = row.last if row.keys == most else None
        if row.root is not None:
            persons.setdefault(row.root, []).append(_subscription(row))
    return Some(list(persons.values()), last)
