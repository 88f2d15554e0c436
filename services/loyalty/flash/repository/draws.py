"""All SQL of draws and entries. What is drawn, promised and lapses is decided by the statements of the database."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.flash.domain.draw import Changed, Draw, Entry, ItemDraw, Turn
from shared.db.engine import Database, ReadTx, WriteTx

_DRAW = ", ".join(Draw._fields)
_ENTRY = (
    "e.id, e.sale_id, i.item, e.person_id, e.units, e.state, e.place, e.entered_at, e.won_at, e.right_until, e.claim_id"
)


class Entered(NamedTuple):
    """What became of somebody who enters: `open` with their entry, or why there is none."""

    status: str
    entry: UUID | None
    is_new: bool


async def add(tx: WriteTx, sale: UUID, draw: Draw) -> None:
    """Store what a new lottery promises."""
    await tx.execute(
        f"INSERT INTO flash_draws (sale_id, {_DRAW}) VALUES (:sale, {', '.join(f':{name}' for name in Draw._fields)})",
        {"sale": sale, **draw._asdict()},
    )


async def of_sales(tx: ReadTx, sales: Collection[UUID]) -> dict[UUID, Draw]:
    """The draws of these sales."""
    if not sales:
        return {}
    rows = await tx.execute(f"SELECT sale_id, {_DRAW} FROM flash_draws WHERE sale_id = ANY(:ids)", {"ids": list(sales)})
    return {row.sale_id: Draw._make(row[1:]) for row in rows}


async def enter(tx: WriteTx, sale: UUID, item: UUID, ticket: UUID, person: UUID, units: int) -> Entered:
    """Let a person enter once for an item, under whatever keys; `ticket` is the entry's id if there is none yet."""
    found = await tx.execute(
        "SELECT * FROM flash_enter(CAST(:sale AS uuid), CAST(:item AS uuid), CAST(:ticket AS uuid), "
        "CAST(:person AS uuid), CAST(:units AS integer))",
        {"sale": sale, "item": item, "ticket": ticket, "person": person, "units": units},
    )
    row = found.one()
    return Entered(row.status, row.entry, bool(row.is_new))


async def told(tx: WriteTx, key: UUID) -> int:
    """The version of an entry that is told of in this transaction as it is."""
    await tx.execute("DELETE FROM flash_untold_entries WHERE id = :id", {"id": key})
    found = await tx.execute("SELECT version FROM flash_entries WHERE id = :id", {"id": key})
    return int(found.scalar_one())


async def take_changed(tx: WriteTx, *, most: int) -> list[Changed]:
    """The next entries that are otherwise than they were told; notes in this transaction that it is done."""
    rows = await tx.execute(
        "DELETE FROM flash_untold_entries WHERE id IN "
        "(SELECT id FROM flash_untold_entries ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING id",
        {"most": most},
    )
    # A statement of its own: whoever changes one of them now waits until this is done, and writes it down again.
    found = await tx.execute(
        f"SELECT {', '.join(Changed._fields)} FROM flash_entries WHERE id = ANY(:ids) ORDER BY id",
        {"ids": list(rows.scalars())},
    )
    return [Changed._make(row) for row in found]


async def entry(tx: ReadTx, key: UUID) -> Entry | None:
    """An entry; a right that nobody used in time has lapsed, whether anybody has noticed or not."""
    rows = await tx.execute(
        f"SELECT {_ENTRY}, e.state = 'won' AND e.right_until <= flash_now() AND NOT s.is_paused AS is_late "
        "FROM flash_entries AS e JOIN flash_items AS i ON i.id = e.item_id JOIN flash_sales AS s ON s.id = e.sale_id "
        "WHERE e.id = :id",
        {"id": key},
    )
    row = rows.one_or_none()
    if row is None:
        return None
    known = Entry._make(row[:-1])
    return known._replace(state="lapsed") if row.is_late else known


async def withdraw(db: Database, key: UUID) -> bool:
    """Take an entry out of the draw, or give a right up; whether it was there to be given up."""
    (row,) = await db.call("SELECT flash_withdraw(CAST(:id AS uuid)) AS is_done", {"id": key})
    return bool(row.is_done)


async def due(tx: ReadTx) -> list[tuple[UUID, Draw]]:
    """The draws whose time has come, of sales that are not over."""
    rows = await tx.execute(
        f"SELECT d.sale_id, {', '.join(f'd.{name}' for name in Draw._fields)} FROM flash_draws AS d "
        "JOIN flash_sales AS s ON s.id = d.sale_id "
        "WHERE d.drawn_at IS NULL AND d.enters_until <= flash_now() AND s.ended_early_at IS NULL ORDER BY d.sale_id"
    )
    return [(row.sale_id, Draw._make(row[1:])) for row in rows]


async def draw(tx: WriteTx, sale: UUID, seed: bytes) -> bool:
    """Draw with the seed that was promised; whether this was the time."""
    found = await tx.execute(
        "SELECT flash_draw(CAST(:sale AS uuid), CAST(:seed AS bytea)) AS is_done", {"sale": sale, "seed": seed}
    )
    return bool(found.scalar_one())


async def drawn_at(tx: ReadTx, sale: UUID) -> datetime:
    """When lots were drawn."""
    found = await tx.execute("SELECT drawn_at FROM flash_draws WHERE sale_id = :sale", {"sale": sale})
    at: datetime = found.scalar_one()
    return at


# Of an item with nothing free for anybody who waits it reads a handful of rows, however many wait or may claim.
WAITING_ITEMS = """
    SELECT i.id, i.sale_id, i.item FROM flash_draws AS d
    JOIN flash_sales AS s ON s.id = d.sale_id JOIN flash_items AS i ON i.sale_id = s.id
    JOIN flash_item_draws AS p ON p.item_id = i.id
    WHERE d.drawn_at IS NOT NULL AND s.ended_early_at IS NULL AND s.ends_at > (SELECT flash_now()) AND NOT s.is_paused
      AND (
        EXISTS (SELECT FROM flash_entries AS e
                WHERE e.item_id = i.id AND e.state = 'won' AND e.right_until <= (SELECT flash_now()))
        OR (i.units - i.taken > p.promised AND EXISTS (
            SELECT FROM flash_entries AS e
            WHERE e.item_id = i.id AND e.state = 'waiting' AND e.units <= i.units - i.taken - p.promised))
      ) ORDER BY i.id
"""


async def waiting_items(tx: ReadTx) -> list[tuple[UUID, UUID, str]]:
    """Items with rights that lapse, or units that somebody waits for: item, sale, what the shop calls it."""
    rows = await tx.execute(WAITING_ITEMS)
    return [(row.id, row.sale_id, row.item) for row in rows]


async def advance(tx: WriteTx, item: UUID, *, most: int) -> list[Turn]:
    """Let rights lapse whose time is over, and promise what is free to the next who were drawn, up to `most`."""
    rows = await tx.execute(
        "SELECT id, person_id, units, state, at, right_until FROM flash_advance(CAST(:item AS uuid), :most)",
        {"item": item, "most": most},
    )
    return [Turn._make(row) for row in rows]


async def renew(tx: WriteTx, sale: UUID) -> None:
    """Give who was drawn the whole time again: the sale was paused meanwhile."""
    await tx.execute(
        "UPDATE flash_entries AS e SET right_until = greatest(e.right_until, "
        "least(flash_now() + make_interval(secs => d.right_seconds), s.ends_at)) "
        "FROM flash_draws AS d JOIN flash_sales AS s ON s.id = d.sale_id "
        "WHERE d.sale_id = :sale AND e.sale_id = :sale AND e.state = 'won' AND e.item_id IN "
        "(SELECT id FROM flash_items WHERE sale_id = :sale)",
        {"sale": sale},
    )


async def item_draws(tx: ReadTx, sale: UUID) -> list[ItemDraw]:
    """Which tickets counted, by item."""
    rows = await tx.execute(
        "SELECT i.id, i.item, d.entries, d.digest FROM flash_item_draws AS d JOIN flash_items AS i ON i.id = d.item_id "
        "WHERE d.sale_id = :sale ORDER BY i.item",
        {"sale": sale},
    )
    return [ItemDraw._make(row) for row in rows]


class Ticket(NamedTuple):
    """A ticket that was drawn; `right_until`: until when who has it may claim, or could."""

    place: int
    ticket: UUID
    state: str
    right_until: datetime | None


async def tickets(tx: ReadTx, item: UUID, *, after: int, limit: int) -> list[Ticket]:
    """The tickets of an item in the order that was drawn."""
    rows = await tx.execute(
        "SELECT place, id, state, right_until FROM flash_entries "
        "WHERE item_id = :item AND place > :after ORDER BY place LIMIT :limit",
        {"item": item, "after": after, "limit": limit},
    )
    return [Ticket._make(row) for row in rows]
