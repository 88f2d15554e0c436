"""What mail keeps of a person, and how it is forgotten."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

_SECTIONS = {
    "mails": "SELECT invitation_id, number, state, reason, attempts, created_at, changed_at FROM mails "
    "WHERE person = ANY(:keys) ORDER BY created_at, invitation_id, number",
    "mail_suppressions": "SELECT reason, at FROM mail_suppressions WHERE person = ANY(:keys) ORDER BY at",
}


async def sections(tx: ReadTx, keys: Collection[UUID]) -> AsyncIterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """What a person may see of it, by section. No address is kept."""
    for name, statement in _SECTIONS.items():
        rows = await tx.execute(statement, {"keys": list(keys)})
        yield name, [dict(row) for row in rows.mappings()]


async def forget(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Forget it; how many rows of each kind."""
    counts = {}
    for name in _SECTIONS:
        rows = await tx.execute(f"DELETE FROM {name} WHERE person = ANY(:keys) RETURNING 1", {"keys": list(keys)})
        counts[name] = len(rows.all())
    return counts
