"""What a redemption locks first, for many at once: their idempotency keys, then their persons."""

from collections.abc import Collection
from uuid import UUID

from shared.db.engine import WriteTx
from shared.delivery.idempotency import LOCK_ALL
from shared.identity import mapping
from shared.identity.person import Member

# The requests' keys before the persons: the second is called with what the first leaves.
_LOCK = f"""
    WITH requests AS MATERIALIZED ({LOCK_ALL})
    SELECT key, root, keys FROM (SELECT count(*) AS held FROM requests) AS first,
        LATERAL lock_members(CASE WHEN first.held >= 0 THEN CAST(:persons AS uuid[]) END, {mapping.LOCK})
"""


async def lock(tx: WriteTx, requests: Collection[str], persons: Collection[UUID]) -> dict[UUID, Member]:
    """The person of each key, locked as `members.lock_many` does, once nobody else answers one of these requests."""
    rows = await tx.execute(_LOCK, {"requests": list(requests), "persons": list(persons)})
    return {row.key: Member(row.root, tuple(row.keys)) for row in rows}
