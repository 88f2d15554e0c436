"""All SQL of data rights in loyalty."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.loyalty.rights.domain import Place
from shared.db.engine import ReadTx, WriteTx


async def rows(tx: ReadTx, place: Place, keys: Collection[UUID]) -> list[dict[str, Any]]:
    """The rows of a person in a place."""
    found = await tx.execute(
        f"SELECT to_jsonb(t) AS row FROM {place.table} AS t WHERE {place.where} ORDER BY CAST(t AS text)",
        {"keys": list(keys)},
    )
    return [row.row for row in found]


async def codes(tx: ReadTx, keys: Collection[UUID]) -> list[dict[str, Any]]:
    """The vouchers a person holds; of a code, what is shown of it."""
    found = await tx.execute(
        "SELECT id, campaign_id, last4, state, max_uses, redeemed, value_minor, spent_minor, expires_at, created_at "
        "FROM codes WHERE holder = ANY(:keys) ORDER BY id",
        {"keys": list(keys)},
    )
    return [dict(row) for row in found.mappings()]


async def remove(tx: WriteTx, place: Place, keys: Collection[UUID]) -> int:
    """Remove the rows of a person from a place; how many."""
    gone = await tx.execute(f"DELETE FROM {place.table} AS t WHERE {place.where}", {"keys": list(keys)})
    return gone.rowcount


async def forget_words(tx: WriteTx, place: Place, keys: Collection[UUID]) -> int:
    """Empty what people wrote in the rows of a person; of how many."""
    emptied = ", ".join(f"{word} = ''" for word in place.words)
    told = " OR ".join(f"{word} <> ''" for word in place.words)
    forgotten = await tx.execute(
        f"UPDATE {place.table} AS t SET {emptied} WHERE ({place.where}) AND ({told})", {"keys": list(keys)}
    )
    return forgotten.rowcount


async def forget_codes(tx: WriteTx, keys: Collection[UUID]) -> int:
    """Let nobody ask for a person's codes again, and forget what their assignments were named; of how many codes.

    The hashes stay: a code that is still in somebody's hands goes on being worth what it was worth.
    """
    await tx.execute(
        "UPDATE assignments SET key = 'erased:' || CAST(id AS text) WHERE person = ANY(:keys)", {"keys": list(keys)}
    )
    closed = await tx.execute(
        "UPDATE codes SET sealed = NULL WHERE holder = ANY(:keys) AND sealed IS NOT NULL", {"keys": list(keys)}
    )
    return closed.rowcount
