"""Whose keys are locked together: whoever changes something of a person locks the person first."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx
from shared.identity import mapping
from shared.identity.person import Member


async def find(tx: ReadTx, person: UUID) -> Member:
    """The person a key belongs to, as seen now; to read."""
    return (await find_many(tx, (person,)))[person]


async def find_many(tx: ReadTx, persons: Collection[UUID]) -> dict[UUID, Member]:
    """The person each key belongs to, as seen now; to read."""
    roots = await mapping.roots(tx, persons)
    families = await mapping.members(tx, set(roots.values()))
    return {each: Member(root, tuple(families[root])) for each, root in roots.items()}


async def lock(tx: WriteTx, person: UUID) -> Member:
    """The person a key belongs to, who stays who they are, and nobody else changes, until the transaction ends."""
    return (await lock_many(tx, (person,)))[person]


async def lock_many(tx: WriteTx, persons: Collection[UUID]) -> dict[UUID, Member]:
    """The same for several persons at once, locked in ascending order of their keys.

    In one statement, for every use case begins with it. Who needs several locks them in one call: two calls may meet
    another's in the opposite order.
    """
    rows: Iterable[Any] = await tx.execute(
        f"SELECT key, root, keys FROM lock_members(:keys, {mapping.LOCK})", {"keys": list(persons)}
    )
    return {key: Member(root, tuple(keys)) for key, root, keys in rows}
