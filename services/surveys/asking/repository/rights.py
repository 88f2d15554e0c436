"""What asking keeps of a person, and how it is forgotten."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

# In the order in which they go: what hangs on an invitation before it.
_PLACES = {
    "candidates": "person",
    "asking_cancels": "person",
    "contacts": "person",
    "invitations": "person",
    "consents": "person",
    "segment_moves": "customer",
}


async def sections(tx: ReadTx, keys: Collection[UUID]) -> AsyncIterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """What is kept of the person with these raw keys: by table, where there is anything."""
    for table, column in _PLACES.items():
        found = await tx.execute(
            f"SELECT to_jsonb(t) AS row FROM {table} AS t WHERE {column} = ANY(:keys) ORDER BY CAST(t AS text)",
            {"keys": list(keys)},
        )
        if rows := [row.row for row in found]:
            yield table, rows


async def forget(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Remove whom we asked and meant to ask, and all that was decided; how many rows. Links of theirs open nothing.

    Lock the persons first. Figures of how many were asked stand on events, and stay.
    """
    gone = {}
    for table, column in _PLACES.items():
        result = await tx.execute(f"DELETE FROM {table} WHERE {column} = ANY(:keys)", {"keys": list(keys)})
        gone[table] = result.rowcount
    return gone
