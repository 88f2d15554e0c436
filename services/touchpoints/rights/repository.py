"""The SQL of data rights in touchpoints."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

# Rows of a quarantine that may tell of somebody: read whole, and judged by the exact rule.
PAGE = 500


async def journey(tx: ReadTx, keys: Collection[UUID]) -> list[dict[str, Any]]:
    """Every touchpoint of these keys, the oldest first."""
    rows = await tx.execute(
        "SELECT id, customer_id, source, message_id, call, name, time, received_at, properties, context "
        "FROM touchpoints WHERE customer_id = ANY(:keys) ORDER BY time, id",
        {"keys": list(keys)},
    )
    return [dict(row) for row in rows.mappings()]


async def erase_journey(tx: WriteTx, keys: Collection[UUID]) -> int:
    """Remove the touchpoints of these keys; how many."""
    gone = await tx.execute("DELETE FROM touchpoints WHERE customer_id = ANY(:keys)", {"keys": list(keys)})
    return gone.rowcount


async def keys_of_others(tx: ReadTx, keys: Collection[UUID]) -> list[dict[str, Any]]:
    """Which of the keys were merged into which."""
    rows = await tx.execute("SELECT * FROM identity WHERE raw_id = ANY(:keys)", {"keys": list(keys)})
    return [dict(row) for row in rows.mappings()]


async def quarantined(tx: ReadTx, *, after: UUID | None) -> list[tuple[UUID, str]]:
    """A page of refused events, whole, by id."""
    rows = await tx.execute(
        "SELECT id, concat_ws(' ', message_id, message, raw) AS text FROM quarantine "
        f"{'' if after is None else 'WHERE id > :after'} ORDER BY id LIMIT :limit",
        {"limit": PAGE, **({} if after is None else {"after": after})},
    )
    return [(row.id, row.text) for row in rows]


async def refused(tx: ReadTx, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """These refused events."""
    rows = await tx.execute(
        "SELECT id, source, message_id, code, message, raw, received_at FROM quarantine WHERE id = ANY(:ids)",
        {"ids": list(ids)},
    )
    return [dict(row) for row in rows.mappings()]


async def erase_refused(tx: WriteTx, ids: Collection[UUID]) -> int:
    """Remove these refused events; how many."""
    gone = await tx.execute("DELETE FROM quarantine WHERE id = ANY(:ids)", {"ids": list(ids)})
    return gone.rowcount
