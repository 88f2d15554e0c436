"""Resolve person keys, and follow merges and unmerges as profiles announces them.

Writers that depend on the mapping call `hold(tx)` first: it keeps merges out until they commit, while many writers
go on side by side. `follow` takes the same lock exclusively, so a merge sees every fact written before it.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event

# What `hold` takes shared and `claim` alone, for statements that hold the mapping themselves.
LOCK = "7261, hashtext(current_schema() || '.identity')"


async def hold(tx: WriteTx) -> None:
    """Keep the mapping as it is until this transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({LOCK})")


async def claim(tx: WriteTx) -> None:
    """Be the only one who changes the mapping until this transaction ends. Never after `hold` in one transaction."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({LOCK})")


async def roots(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The root of each person key; a key that was never merged is its own."""
    rows = await tx.execute("SELECT raw_id, root_id FROM identity WHERE raw_id = ANY(:ids)", {"ids": list(ids)})
    found = {row.raw_id: row.root_id for row in rows}
    return {each: found.get(each, each) for each in ids}


async def members(tx: ReadTx, root_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """All person keys of each root, itself among them, in ascending order."""
    rows = await tx.execute("SELECT root_id, raw_id FROM identity WHERE root_id = ANY(:ids)", {"ids": list(root_ids)})
    found: dict[UUID, set[UUID]] = {each: {each} for each in root_ids}
    for row in rows:
        found[row.root_id].add(row.raw_id)
    return {root: sorted(raws) for root, raws in found.items()}


async def families(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The persons among `ids` who have several keys: each root with all its keys. All others are their own only key.

    One statement, and its cost is that of the merged persons alone: in a batch of strangers there is no row.
    """
    rows = await tx.execute(
        "SELECT root_id, raw_id FROM identity WHERE root_id IN "
        "(SELECT root_id FROM identity WHERE raw_id = ANY(:ids) UNION ALL SELECT unnest(CAST(:ids AS uuid[])))",
        {"ids": list(ids)},
    )
    found: dict[UUID, set[UUID]] = {}
    for row in rows:
        found.setdefault(row.root_id, {row.root_id}).add(row.raw_id)
    return {root: sorted(raws) for root, raws in found.items() if len(raws) > 1}


async def follow(
    tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> Mapping[UUID, tuple[UUID, UUID]]:
    """Take over merges and unmerges; the person keys whose root changed, each with its old and its new root.

    Of several events about one key the highest version holds, whenever it comes.
    """
    await claim(tx)
    newest: dict[UUID, tuple[int, UUID | None]] = {}
    for event in events:
        parent = event.data.into_id if isinstance(event.data, CustomerMerged) else None
        raw, version = event.data.from_id, event.data.version
        if raw not in newest or version > newest[raw][0]:
            newest[raw] = (version, parent)
    moved = await insert_rows(
        tx,
        "identity",
        {"raw_id": "uuid", "parent_id": "uuid", "version": "bigint", "root_id": "uuid"},
        [(raw, parent, version, raw) for raw, (version, parent) in sorted(newest.items())],
        "ON CONFLICT (raw_id) DO UPDATE SET parent_id = EXCLUDED.parent_id, version = EXCLUDED.version "
        "WHERE identity.version < EXCLUDED.version RETURNING raw_id",
    )
    return await _settle(tx, [row.raw_id for row in moved])


async def _settle(tx: WriteTx, moved: Sequence[UUID]) -> dict[UUID, tuple[UUID, UUID]]:
    """Recompute the roots of the moved keys and of all below them.

    Merges of one chain may come in any order, so a ring can stand for a moment; its smallest key is the root until
    the event that opens it comes, which settles the same keys again.
    """
    if not moved:
        return {}
    below = await tx.execute(
        """
        WITH RECURSIVE below AS (
            SELECT raw_id FROM identity WHERE raw_id = ANY(:moved)
            UNION
            SELECT child.raw_id FROM identity child JOIN below ON child.parent_id = below.raw_id
        )
        SELECT identity.raw_id, identity.root_id FROM below JOIN identity USING (raw_id)
        """,
        {"moved": list(moved)},
    )
    before = {row.raw_id: row.root_id for row in below}
    up = await tx.execute(
        """
        WITH RECURSIVE up AS (
            SELECT raw_id, parent_id FROM identity WHERE raw_id = ANY(:ids)
            UNION
            SELECT above.raw_id, above.parent_id FROM identity above JOIN up ON above.raw_id = up.parent_id
        )
        SELECT raw_id, parent_id FROM up
        """,
        {"ids": list(before)},
    )
    parents = {row.raw_id: row.parent_id for row in up}
    after = {raw: _root(raw, parents) for raw in before}
    changed = {raw: (before[raw], root) for raw, root in after.items() if before[raw] != root}
    await tx.execute(
        "UPDATE identity SET root_id = new.root_id "
        "FROM unnest(CAST(:raws AS uuid[]), CAST(:roots AS uuid[])) AS new(raw_id, root_id) "
        "WHERE identity.raw_id = new.raw_id",
        {"raws": list(changed), "roots": [root for _, root in changed.values()]},
    )
    return changed


def _root(raw: UUID, parents: Mapping[UUID, UUID | None]) -> UUID:
    seen = [raw]
    while (parent := parents.get(seen[-1])) is not None:
        if parent in seen:
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]
