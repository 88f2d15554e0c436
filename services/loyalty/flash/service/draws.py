"""Lotteries: people enter, lots are drawn with the seed that was promised, and who is drawn may claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from services.loyalty.flash.domain.draw import Draw, Entry, Turn
from services.loyalty.flash.domain.sale import Sale, item_id
from services.loyalty.flash.errors import (
    EntriesClosed,
    EntryDiffers,
    EntrySettled,
    EntryUnknown,
    ItemUnknown,
    LimitReached,
    NoLottery,
    SaleOver,
    SaleUnknown,
)
from services.loyalty.flash.repository import draws as rows
from services.loyalty.flash.repository import sales as sale_rows
from services.loyalty.flash.repository.draws import Ticket
from services.loyalty.flash.schemas.draws import DrawOut, EntryIn, ItemDrawOut
from services.loyalty.flash.service import telling
from services.loyalty.flash.service.claims import person_of
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.events.catalogue.loyalty import FlashDrawn, FlashEntered, FlashLapsed
from shared.events.envelope import Event
from shared.ids import derived_id
from shared.observability.logging import logger

log = logger(__name__)

ADVANCE = 500


@dataclass(frozen=True, slots=True)
class Draws:
    """Entries and draws of flash sales."""

    db: Database
    clock: Clock
    vault: Vault

    async def enter(self, sale: UUID, body: EntryIn) -> tuple[Entry, bool]:
        """A customer enters; the entry, and whether it is new. A person has one for an item, under whatever keys.

        Raises:
            BadSaleCustomer, ItemUnknown, NoLottery: nobody can enter so.
            EntriesClosed, SaleOver, LimitReached: not now, not for so many.
            EntryDiffers: they have entered for another quantity.
        """
        person = person_of(body.customer)
        async with self.db.write() as tx:
            found = await rows.enter(tx, sale, item_id(sale, body.item), uuid4(), person, body.units)
            entry = None if found.entry is None else await _found(tx, found.entry)
            if entry is not None and found.is_new:
                version = await rows.told(tx, entry.id)
                data = FlashEntered(
                    entry_id=entry.id, sale=str(sale), item=entry.item, units=entry.units, version=version
                )
                key = derived_id("flash entered", str(entry.id), entry.entered_at.isoformat())
                tx.emit(Event(key, entry.person_id, entry.entered_at, self.clock.now(), data))
        if entry is None:
            raise await self._refusal(sale, found.status)
        if entry.units != body.units:
            raise EntryDiffers(entry.units)
        return entry, found.is_new

    async def get(self, entry: UUID) -> Entry:
        """An entry as it stands.

        Raises:
            EntryUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _found(tx, entry)

    async def withdraw(self, entry: UUID) -> Entry:
        """Take an entry out, or give a right up: the next one gets it. What is withdrawn already stays so.

        Raises:
            EntryUnknown: there is none.
            EntrySettled: it was claimed, has lapsed or did not count.
        """
        await rows.withdraw(self.db, entry)
        found = await self.get(entry)
        if found.state != "withdrawn":
            raise EntrySettled(found.state)
        return found

    async def shown(self, sale: UUID) -> DrawOut:
        """What was promised, and what was drawn.

        Raises:
            SaleUnknown, NoLottery: there is no draw.
        """
        async with self.db.read() as tx:
            draw = _draw_of(await _sale(tx, sale))
            items = await rows.item_draws(tx, sale)
        return DrawOut(
            sale=sale,
            seed_hash=draw.seed_hash.hex(),
            seed=None if draw.seed is None else draw.seed.hex(),
            drawn_at=draw.drawn_at,
            items=[ItemDrawOut(item=each.item, entries=each.entries, digest=each.digest.hex()) for each in items],
        )

    async def tickets(self, sale: UUID, item: str, *, after: int, limit: int) -> Sequence[Ticket]:
        """The tickets of an item in the order that was drawn; one more than `limit` if there are more.

        Raises:
            SaleUnknown, NoLottery, ItemUnknown: there are none.
        """
        async with self.db.read() as tx:
            found = await _sale(tx, sale)
            _draw_of(found)
            if item not in {each.item for each in found.items}:
                raise ItemUnknown
            return await rows.tickets(tx, item_id(sale, item), after=after, limit=limit + 1)

    async def run(self) -> int:
        """Draw where the time has come, let rights lapse, and promise what is free; how many turns there were."""
        async with self.db.read() as tx:
            due = await rows.due(tx)
        for sale, draw in due:
            await self._draw(sale, draw)
        async with self.db.read() as tx:
            items = await rows.waiting_items(tx)
        turns = 0
        for item, sale, name in items:
            while number := await self._advance(item, sale, name):
                turns += number
                if number < ADVANCE:
                    break
        return turns

    async def _draw(self, sale: UUID, draw: Draw) -> None:
        async with self.db.write() as tx:
            peppers = await self.vault.peppers(tx)
            seed = peppers.unseal(draw.kid, draw.sealed_seed, sale.bytes)
            if seed is None:
                log.error("flash_seed_lost", sale=str(sale))
                return
            if not await rows.draw(tx, sale, seed):
                return
            recorded = self.clock.now()
            tx.emit(telling.drawn(sale, seed, await rows.drawn_at(tx, sale), recorded))
            for item in await rows.item_draws(tx, sale):
                tx.emit(telling.counted(sale, item, recorded))
            tx.after_commit(lambda: log.info("flash_drawn", sale=str(sale)))

    async def _advance(self, item: UUID, sale: UUID, name: str) -> int:
        async with self.db.write() as tx:
            turns = await rows.advance(tx, item, most=ADVANCE)
            recorded = self.clock.now()
            for each in turns:
                tx.emit(_told(each, sale, name, recorded))
        return len(turns)

    async def _refusal(self, sale: UUID, status: str) -> Exception:
        if status == "unknown":
            return ItemUnknown()
        if status == "no_lottery":
            return NoLottery()
        if status == "ended":
            return SaleOver()
        if status == "too_many":
            return LimitReached("item")
        async with self.db.read() as tx:
            draw = _draw_of(await _sale(tx, sale))
        return EntriesClosed(draw.enters_at, draw.enters_until)


def _told(turn: Turn, sale: UUID, item: str, recorded: datetime) -> Event[FlashDrawn] | Event[FlashLapsed]:
    key = derived_id(f"flash {turn.state}", str(turn.id))
    if turn.state == "lapsed":
        lapsed = FlashLapsed(entry_id=turn.id, sale=str(sale), item=item, units=turn.units)
        return Event(key, turn.person_id, turn.at, recorded, lapsed)
    drawn = FlashDrawn(entry_id=turn.id, sale=str(sale), item=item, units=turn.units, right_until=turn.right_until)
    return Event(key, turn.person_id, turn.at, recorded, drawn)


async def _found(tx: ReadTx, key: UUID) -> Entry:
    found = await rows.entry(tx, key)
    if found is None:
        raise EntryUnknown
    return found


async def _sale(tx: ReadTx, key: UUID) -> Sale:
    found = await sale_rows.sale(tx, key)
    if found is None:
        raise SaleUnknown
    return found[0]


def _draw_of(sale: Sale) -> Draw:
    if sale.draw is None:
        raise NoLottery
    return sale.draw
