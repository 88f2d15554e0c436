"""Subscriptions with their facts. They are locked, by their persons, before they are read to be changed."""

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

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


async def persons(tx: ReadTx) -> AsyncIterator[list[Subscription]]:
    """Everybody's subscriptions, person by person, read as they are needed."""
    rows = await tx.connection.stream(
        text(
            "SELECT coalesce(identity.root_id, customer) AS root, subscription_id, facts "
            "FROM subscriptions LEFT JOIN identity ON raw_id = customer ORDER BY root"
        )
    )
    root, found = None, list[Subscription]()
    async for row in rows:
        if row.root != root and found:
            yield found
            found = []
        root = row.root
        found.append(_subscription(row))
    if found:
        yield found
