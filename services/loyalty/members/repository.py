"""All SQL of members: one row for each person key, to be locked."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import WriteTx
from shared.identity.mapping import LOCK


class Locked(NamedTuple):
    """A person key, the root of its person, and all keys of that in ascending order."""

    key: UUID
    root: UUID
    keys: tuple[UUID, ...]


async def lock(tx: WriteTx, keys: Collection[UUID]) -> list[Locked]:
    """Lock the persons of these keys, who stay who they are; in one statement, for every use case begins with it."""
    rows = await tx.execute(f"SELECT key, root, keys FROM lock_members(:keys, {LOCK})", {"keys": list(keys)})
    return [Locked(row.key, row.root, tuple(row.keys)) for row in rows]
