"""Whose keys are locked together: whoever changes something of a person locks the person first."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.loyalty.members import repository
from services.loyalty.members.domain import Member
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping

__all__ = ["Member", "find", "find_many", "follow", "lock", "lock_many"]


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

    Who needs several locks them in one call: two calls may meet another's in the opposite order.
    """
    return {found.key: Member(found.root, found.keys) for found in await repository.lock(tx, persons)}


async def follow(
    tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> Mapping[UUID, tuple[UUID, UUID]]:
    """Take over who is whom; the keys whose person changed, each with its old and its new root.

    Nothing else moves: everything is kept under the key it came from.
    """
    return await mapping.follow(tx, events)
