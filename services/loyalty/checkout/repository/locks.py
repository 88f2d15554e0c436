"""What redemptions of many hold: their idempotency keys and their persons, as far as nobody else has them."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import WriteTx
from shared.delivery.idempotency import TRY_ALL
from shared.identity import mapping
from shared.identity.person import Member

# Nobody waits for a person whom others have: a batch of orders has thousands of them for a second.
_TAKE = f"""
    WITH asked AS MATERIALIZED ({TRY_ALL}), free AS MATERIALIZED (
        SELECT key FROM members WHERE key = ANY(CAST(:persons AS uuid[])) ORDER BY key FOR NO KEY UPDATE SKIP LOCKED
    ), mine AS MATERIALIZED (
        SELECT ARRAY(
            SELECT unnest(CAST(:persons AS uuid[])) EXCEPT (
                SELECT key FROM members WHERE key = ANY(CAST(:persons AS uuid[])) EXCEPT SELECT key FROM free)
        ) AS keys
    )
    SELECT ARRAY(SELECT request FROM asked WHERE is_ours) AS requests, NULL AS key, NULL AS root, NULL AS keys
    UNION ALL SELECT NULL, found.key, found.root, found.keys
    FROM mine, LATERAL lock_members(mine.keys, {mapping.LOCK}) AS found
"""


class Taken(NamedTuple):
    """The requests and the persons (by the key that was asked for) that are held until the transaction ends."""

    requests: frozenset[str]
    members: Mapping[UUID, Member]


async def take(tx: WriteTx, requests: Collection[str], persons: Collection[UUID]) -> Taken:
    """Hold as `idempotency.replayed` and `members.lock_many` do what nobody else holds now."""
    rows = await tx.execute(_TAKE, {"requests": list(requests), "persons": list(persons)})
    ours: frozenset[str] = frozenset()
    members: dict[UUID, Member] = {}
    for row in rows:
        if row.key is None:
            ours = frozenset(row.requests)
        else:
            members[row.key] = Member(row.root, tuple(row.keys))
    return Taken(ours, members)
