"""All SQL of flash sales. Locks: items by ascending id, then the sale; a claim is never waited for under an item."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.loyalty.flash.domain.sale import Claim, Decision, Item, Sale, Want
from services.loyalty.flash.repository import draws, rooms
from shared.db.bulk import insert_rows
from shared.db.engine import Database, ReadTx, WriteTx

_SALE = (
    "id, name, zone, starts_local, ends_local, starts_at, ends_at, is_paused, ended_early_at, claim_seconds, "
    "max_per_person, created_at, created_by, updated_at, updated_by, schedule, is_lottery"
)
_CLAIM = (
    "c.id, c.sale_id, i.item, c.key, c.person_id, c.units, c.number, c.state, c.claimed_at, c.expires_at, "
    "c.settled_at, c.order_id"
)
_DECIDE = (
    "SELECT * FROM flash_claim(CAST(:item AS uuid), CAST(:ids AS uuid[]), CAST(:keys AS text[]), "
    "CAST(:persons AS uuid[]), CAST(:units AS integer[]))"
)


async def decide(db: Database, item: UUID, wants: Sequence[Want]) -> Decision:
    """Decide a batch of claims on one item, in their order: one statement, durable when it returns."""
    ids, keys, persons, units = zip(*wants, strict=True)
    values = {"item": item, "ids": list(ids), "keys": list(keys), "persons": list(persons), "units": list(units)}
    (row,) = await db.call(_DECIDE, values)
    return Decision(
        row.status,
        tuple(row.verdicts or ()),
        tuple(row.numbers or ()),
        row.remaining or 0,
        row.last_number or 0,
        row.claimed_at,
        row.expires_at,
        row.starts_at,
    )


async def claim_ids(db: Database, item: UUID, *, after: int, upto: int) -> list[UUID]:
    """The ids of the claims with numbers above `after` up to `upto`."""
    (row,) = await db.call(
        "SELECT array_agg(id) AS ids FROM flash_claims WHERE item_id = :item AND number > :after AND number <= :upto",
        {"item": item, "after": after, "upto": upto},
    )
    return row.ids or []


async def claim(tx: ReadTx, key: UUID) -> Claim | None:
    """A claim; one that is held past its time is expired, whether anybody has noticed or not."""
    found = await tx.execute(
        f"SELECT {_CLAIM}, c.state = 'held' AND c.expires_at <= flash_now() AS is_late "
        "FROM flash_claims AS c JOIN flash_items AS i ON i.id = c.item_id WHERE c.id = :id",
        {"id": key},
    )
    row = found.one_or_none()
    if row is None:
        return None
    known = Claim._make(row[:-1])
    return known._replace(state="expired", settled_at=known.expires_at) if row.is_late else known


async def confirm(tx: WriteTx, key: UUID, order_id: str | None) -> bool:
    """Let a held claim stand, if it is in time; whether it was."""
    result = await tx.execute(
        "UPDATE flash_claims SET state = 'confirmed', settled_at = flash_now(), order_id = :order_id "
        "WHERE id = :id AND state = 'held' AND expires_at > flash_now()",
        {"id": key, "order_id": order_id},
    )
    return result.rowcount == 1


async def release(db: Database, key: UUID) -> bool:
    """Give the units of a held claim back; whether it was held."""
    (row,) = await db.call("SELECT flash_release(CAST(:id AS uuid)) AS is_done", {"id": key})
    return bool(row.is_done)


async def create(tx: WriteTx, sale: Sale) -> None:
    """Store a new sale with its items."""
    await tx.execute(
        f"INSERT INTO flash_sales ({_SALE}, spans) VALUES (:id, :name, :zone, :starts_local, :ends_local, :starts_at, "
        ":ends_at, :is_paused, :ended_early_at, :claim_seconds, :max_per_person, :created_at, :created_by, "
        ":updated_at, :updated_by, CAST(:schedule AS jsonb), :is_lottery, "
        "CAST(CAST(:spans AS text) AS tstzmultirange))",
        {
            **sale._asdict(),
            "schedule": None if sale.schedule is None else orjson.dumps(sale.schedule).decode(),
            "spans": _spans(sale),
        },
    )
    await add_items(tx, sale.id, sale.items)
    if sale.draw is not None:
        await draws.add(tx, sale.id, sale.draw)
    if sale.room is not None:
        await rooms.add(tx, sale.id, sale.room, sale.starts_at)


def _spans(sale: Sale) -> str | None:
    """When the sale is open, as the database reads it."""
    spans = sale.spans
    if spans is None:
        return None
    return f"{{{','.join(f'[{opens.isoformat()},{closes.isoformat()})' for opens, closes in spans)}}}"


async def add_items(tx: WriteTx, sale: UUID, items: Sequence[Item]) -> int:
    """Add items that the sale does not have; how many were added."""
    columns = {"id": "uuid", "sale_id": "uuid", "item": "text", "units": "bigint", "max_per_person": "integer"}
    rows = [(each.id, sale, each.item, each.units, each.max_per_person) for each in items]
    added = await insert_rows(tx, "flash_items", columns, rows, "ON CONFLICT DO NOTHING RETURNING id")
    return len(added)


async def sale(tx: ReadTx, key: UUID) -> tuple[Sale, datetime] | None:
    """A sale with its items, and the moment it was read."""
    found = await sales(tx, "WHERE id = :id", {"id": key})
    return found[0] if found else None


async def listed(tx: ReadTx, *, after: tuple[datetime, UUID] | None, limit: int) -> list[tuple[Sale, datetime]]:
    """Sales, those that start last first."""
    at, key = after or (None, None)
    where = "" if after is None else "WHERE (starts_at, id) < (:at, :key)"
    values = {"limit": limit, **({} if after is None else {"at": at, "key": key})}
    return await sales(tx, f"{where} ORDER BY starts_at DESC, id DESC LIMIT :limit", values)


async def sales(tx: ReadTx, tail: str, values: Mapping[str, Any]) -> list[tuple[Sale, datetime]]:
    """The sales that `tail` picks, with their items, in its order."""
    rows = (await tx.execute(f"SELECT {_SALE}, flash_now() AS at FROM flash_sales {tail}", values)).all()
    items = await tx.execute(
        "SELECT sale_id, id, item, units, taken, max_per_person FROM flash_items "
        "WHERE sale_id = ANY(:ids) ORDER BY item",
        {"ids": [row.id for row in rows]},
    )
    of: dict[UUID, list[Item]] = {row.id: [] for row in rows}
    for each in items:
        of[each.sale_id].append(Item._make(each[1:]))
    lots = await draws.of_sales(tx, [row.id for row in rows if row.is_lottery])
    waited = await rooms.of_sales(tx, list(of))
    return [(Sale._make((*row[:-1], tuple(of[row.id]), lots.get(row.id), waited.get(row.id))), row.at) for row in rows]


async def claim_sale(tx: WriteTx, key: UUID) -> tuple[Sale, datetime] | None:
    """Lock a sale's items, then the sale: claims under way are over, later ones see what this transaction changes."""
    await tx.execute("SELECT id FROM flash_items WHERE sale_id = :id ORDER BY id FOR UPDATE", {"id": key})
    await tx.execute("SELECT id FROM flash_sales WHERE id = :id FOR UPDATE", {"id": key})
    return await sale(tx, key)


async def update(tx: WriteTx, changed: Sale) -> None:
    """Store what may change of a sale."""
    await tx.execute(
        "UPDATE flash_sales SET ends_local = :ends_local, ends_at = :ends_at, is_paused = :is_paused, "
        "ended_early_at = :ended_early_at, updated_at = :updated_at, updated_by = :updated_by, "
        "spans = CAST(CAST(:spans AS text) AS tstzmultirange) WHERE id = :id",
        {
            name: getattr(changed, name)
            for name in ("id", "ends_local", "ends_at", "is_paused", "ended_early_at", "updated_at", "updated_by")
        }
        | {"spans": _spans(changed)},
    )


async def add_units(tx: WriteTx, item: UUID, units: int) -> Item | None:
    """Add units to an item; the item then, if there is one."""
    found = await tx.execute(
        "UPDATE flash_items SET units = units + :units WHERE id = :id RETURNING id, item, units, taken, max_per_person",
        {"id": item, "units": units},
    )
    row = found.one_or_none()
    return None if row is None else Item._make(row)


async def lapsed_items(tx: ReadTx) -> list[UUID]:
    """Items with claims that are held past their time."""
    rows = await tx.execute(
        "SELECT DISTINCT item_id FROM flash_claims WHERE state = 'held' AND expires_at <= flash_now()"
    )
    return sorted(row.item_id for row in rows)


async def expire(db: Database, item: UUID, *, most: int) -> int:
    """Let held claims fall whose time is over, up to `most`; the units that are back."""
    (row,) = await db.call(
        "SELECT flash_sweep(CAST(:id AS uuid), CAST(:most AS integer)) AS units", {"id": item, "most": most}
    )
    return int(row.units)


async def unannounced(tx: ReadTx) -> list[UUID]:
    """Items with claims that nobody was told of."""
    rows = await tx.execute(
        "SELECT i.id FROM flash_items AS i LEFT JOIN flash_announced AS a ON a.item_id = i.id "
        "WHERE i.last_number > coalesce(a.upto, 0) ORDER BY i.id"
    )
    return [row.id for row in rows]


async def take_fallen(tx: WriteTx, *, most: int) -> list[Claim]:
    """The next claims whose units are back, and nobody was told; notes in this transaction that it is done."""
    rows = await tx.execute(
        "WITH taken AS (DELETE FROM flash_untold_claims WHERE id IN "
        "(SELECT id FROM flash_untold_claims ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING id) "
        f"SELECT {_CLAIM} FROM taken JOIN flash_claims AS c ON c.id = taken.id JOIN flash_items AS i "
        "ON i.id = c.item_id ORDER BY c.id",
        {"most": most},
    )
    return [Claim._make(row) for row in rows]


async def take_unannounced(tx: WriteTx, item: UUID, *, most: int) -> list[Claim]:
    """The next claims of an item to tell of, as they were made; notes in this transaction that it is done.

    Numbers are given under the lock of the item, so a lower one never commits after a higher.
    """
    await tx.execute("INSERT INTO flash_announced (item_id, upto) VALUES (:id, 0) ON CONFLICT DO NOTHING", {"id": item})
    upto = await tx.execute("SELECT upto FROM flash_announced WHERE item_id = :id FOR UPDATE", {"id": item})
    rows = (
        await tx.execute(
            "SELECT c.id, c.sale_id, i.item, '' AS key, c.person_id, c.units, c.number, 'held' AS state, "
            "c.claimed_at, c.expires_at, NULL AS settled_at, NULL AS order_id "
            "FROM flash_claims AS c JOIN flash_items AS i ON i.id = c.item_id "
            "WHERE c.item_id = :id AND c.number > :upto ORDER BY c.number LIMIT :most",
            {"id": item, "upto": upto.scalar_one(), "most": most},
        )
    ).all()
    if rows:
        await tx.execute(
            "UPDATE flash_announced SET upto = :number WHERE item_id = :id", {"id": item, "number": rows[-1].number}
        )
    return [Claim._make(row) for row in rows]
