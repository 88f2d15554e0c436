"""All SQL of data rights that is of no single room."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


async def identity(tx: ReadTx, keys: Collection[UUID]) -> list[dict[str, Any]]:
    """Which of the keys are one person, as surveys was told."""
    rows = await tx.execute(
        "SELECT to_jsonb(t) AS row FROM identity AS t WHERE raw_id = ANY(:keys) OR root_id = ANY(:keys) "
        "ORDER BY raw_id",
        {"keys": list(keys)},
    )
    return [row.row for row in rows]


async def restrict(tx: WriteTx, keys: Collection[UUID], at: datetime) -> None:
    """Note that the use of the person's data is restricted; the first time holds."""
    await tx.execute(
        "INSERT INTO restrictions (person, since) SELECT unnest(CAST(:keys AS uuid[])), :at ON CONFLICT DO NOTHING",
        {"keys": sorted(keys), "at": at},
    )


async def release(tx: WriteTx, keys: Collection[UUID]) -> int:
    """It is not any more; of how many keys."""
    gone = await tx.execute("DELETE FROM restrictions WHERE person = ANY(:keys)", {"keys": list(keys)})
    return gone.rowcount


async def restricted_among(tx: ReadTx, keys: Collection[UUID]) -> set[UUID]:
    """Those of the keys that are restricted."""
    rows = await tx.execute("SELECT person FROM restrictions WHERE person = ANY(:keys)", {"keys": list(keys)})
    return {row.person for row in rows}
