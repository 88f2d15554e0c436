"""Making flash sales and steering them, and what is left, live."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.flash.domain.draw import SEED_BYTES, Draw
from services.loyalty.flash.domain.local_time import NoSuchTime, instant
from services.loyalty.flash.domain.room import RoomTerms
from services.loyalty.flash.domain.sale import Item, Sale, item_id
from services.loyalty.flash.errors import (
    BadSaleTime,
    DrawHeld,
    ItemThere,
    ItemUnknown,
    RoomUnknown,
    SaleOver,
    SaleUnknown,
)
from services.loyalty.flash.repository import draws, rooms
from services.loyalty.flash.repository import sales as rows
from services.loyalty.flash.schemas.sales import ExtendIn, ItemIn, LotteryIn, RoomIn, SaleIn, SaleOut, UnitsIn
from services.loyalty.flash.service import telling
from services.loyalty.flash.service.lanes import Lanes
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

VIEW_SECONDS = 0.1
MAX_VIEWS = 1_000
# Each window of so many weeks is one that every claim is held against.
MAX_SCHEDULED = timedelta(days=366)

Change = Callable[[WriteTx, Sale, datetime], Awaitable[Sale]]


V = TypeVar("V")


@dataclass(slots=True)
class Views(Generic[V]):
    """What this process read last of sales, each for a tenth of a second; one read serves all who ask."""

    _views: dict[UUID, tuple[float, V]] = field(default_factory=dict)
    _reading: dict[UUID, asyncio.Task[V]] = field(default_factory=dict)

    async def get(self, sale: UUID, read: Callable[[], Awaitable[V]]) -> V:
        """The view of a sale, at most `VIEW_SECONDS` old."""
        known = self._views.get(sale)
        if known is not None and monotonic() < known[0]:
            return known[1]
        task = self._reading.get(sale)
        if task is None:
            task = self._reading[sale] = asyncio.create_task(self._read(sale, read), name="flash sale view")
        return await asyncio.shield(task)

    async def _read(self, sale: UUID, read: Callable[[], Awaitable[V]]) -> V:
        until = monotonic() + VIEW_SECONDS
        try:
            view = await read()
        finally:
            del self._reading[sale]
        if len(self._views) >= MAX_VIEWS:
            self._views.clear()
        self._views[sale] = (until, view)
        return view


@dataclass(frozen=True, slots=True)
class Sales:
    """Flash sales as staff makes them. Use cases name the key that asks (`by`)."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    lanes: Lanes
    views: Views[SaleOut]
    vault: Vault

    async def create(self, body: SaleIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a sale.

        Raises:
            BadSaleTime: it ends before it starts, is over already, or a time does not exist.
        """
        zone = ZoneInfo(body.zone) if body.zone else self.zone
        starts_at, ends_at = _instant(body.starts_local, zone), _instant(body.ends_local, zone)
        now = self.clock.now()
        if ends_at <= max(starts_at, now):
            raise BadSaleTime("A flash sale ends after it starts, and in the future.")
        key = uuid7()
        sale = Sale(
            id=key,
            name=body.name,
            zone=zone.key,
            starts_local=body.starts_local,
            ends_local=body.ends_local,
            starts_at=starts_at,
            ends_at=ends_at,
            is_paused=False,
            ended_early_at=None,
            claim_seconds=body.claim_seconds,
            max_per_person=body.max_per_person,
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
            schedule=body.model_dump(include={"schedule"}, by_alias=True)["schedule"],
            is_lottery=body.lottery is not None,
            items=tuple(_item(key, each) for each in body.items),
            room=None if body.waiting_room is None else _room(body.waiting_room),
        )
        _check_schedule(sale)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if body.lottery is not None:
                sale = sale._replace(draw=await self._draw(tx, sale, body.lottery))
            await rows.create(tx, sale)
            for item in sale.items:
                tx.emit(telling.stocked(key, item, now))
            return await _answer(tx, idem, 201, key)

    async def _draw(self, tx: WriteTx, sale: Sale, body: LotteryIn) -> Draw:
        """What the lottery promises: its seed is drawn now, and only its hash is told."""
        zone, now = ZoneInfo(sale.zone), self.clock.now()
        opens, closes = _instant(body.enters_local, zone), _instant(body.enters_until_local, zone)
        if not opens < closes <= sale.ends_at or closes <= now:
            raise BadSaleTime("People enter before lots are drawn, in the future and before the sale ends.")
        seed, peppers = os.urandom(SEED_BYTES), await self.vault.using(tx, now)
        return Draw(
            enters_local=body.enters_local,
            enters_until_local=body.enters_until_local,
            enters_at=opens,
            enters_until=closes,
            right_seconds=body.right_seconds,
            seed_hash=hashlib.sha256(seed).digest(),
            kid=peppers.current,
            sealed_seed=peppers.seal(seed, sale.id.bytes),
        )

    async def view(self, sale: UUID) -> SaleOut:
        """A sale and what is left of it, at most a tenth of a second old.

        Raises:
            SaleUnknown: there is none.
        """

        async def read() -> SaleOut:
            async with self.db.read() as tx:
                found = await rows.sale(tx, sale)
            if found is None:
                raise SaleUnknown
            return SaleOut.of(*found)

        return await self.views.get(sale, read)

    async def listed(self, *, after: tuple[datetime, UUID] | None, limit: int) -> list[tuple[Sale, datetime]]:
        """Sales, those that start last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await rows.listed(tx, after=after, limit=limit + 1)

    async def pause(self, sale: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """Grant nothing until the sale is resumed; once this returns no claim is granted any more.

        Raises:
            SaleUnknown, SaleOver: there is no sale to pause.
        """

        async def change(tx: WriteTx, old: Sale, _: datetime) -> Sale:
            await rooms.stop(tx, sale)
            return old._replace(is_paused=True)

        return await self._change(sale, change, by=by, idem=idem)

    async def resume(self, sale: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """Grant claims again. Who was drawn has the whole time again; the waiting room goes on where it stood.

        Raises:
            SaleUnknown, SaleOver: there is no sale to resume.
        """

        async def change(tx: WriteTx, old: Sale, _: datetime) -> Sale:
            await rooms.start(tx, sale)
            if old.is_paused and old.is_lottery:
                await draws.renew(tx, sale)
            return old._replace(is_paused=False)

        return await self._change(sale, change, by=by, idem=idem)

    async def end(self, sale: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """End a sale now; one that has not begun never does. Claims that are held may still be confirmed.

        Raises:
            SaleUnknown, SaleOver: there is no sale to end.
        """

        async def change(_: WriteTx, old: Sale, at: datetime) -> Sale:
            return old._replace(ended_early_at=at)

        return await self._change(sale, change, by=by, idem=idem)

    async def extend(self, sale: UUID, body: ExtendIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a sale that is not over go on for longer.

        Raises:
            SaleUnknown, SaleOver: there is no sale to extend.
            BadSaleTime: that is not later, or does not exist.
        """

        async def change(_: WriteTx, old: Sale, __: datetime) -> Sale:
            ends_at = _instant(body.ends_local, ZoneInfo(old.zone))
            if ends_at <= old.ends_at:
                raise BadSaleTime("A sale is extended to a later time; to end it early, end it.")
            longer = old._replace(ends_local=body.ends_local, ends_at=ends_at)
            _check_schedule(longer)
            return longer

        return await self._change(sale, change, by=by, idem=idem)

    async def add_item(self, sale: UUID, body: ItemIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Sell another item at a sale that is not over.

        Raises:
            SaleUnknown, SaleOver, ItemThere: it cannot be added.
            DrawHeld: lots are drawn for the items that there were.
        """

        async def change(tx: WriteTx, old: Sale, at: datetime) -> Sale:
            if old.draw is not None and at >= old.draw.enters_until:
                raise DrawHeld
            item = _item(sale, body)
            if not await rows.add_items(tx, sale, (item,)):
                raise ItemThere
            tx.emit(telling.stocked(sale, item, self.clock.now()))
            return old

        return await self._change(sale, change, by=by, idem=idem)

    async def add_units(self, sale: UUID, body: UnitsIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Add units to an item; other processes see them within a fifth of a second.

        Raises:
            SaleUnknown, SaleOver, ItemUnknown: there is nothing to add to.
        """
        item = item_id(sale, body.item)

        async def change(tx: WriteTx, old: Sale, _: datetime) -> Sale:
            more = await rows.add_units(tx, item, body.units)
            if more is None:
                raise ItemUnknown
            tx.emit(telling.stocked(sale, more, self.clock.now()))
            tx.after_commit(lambda: self.lanes.forget(item))
            return old

        return await self._change(sale, change, by=by, idem=idem)

    async def set_room(self, sale: UUID, body: RoomIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let people in at another rate from now on; who waits keeps their number.

        Raises:
            SaleUnknown, SaleOver, RoomUnknown: there is no room to change.
        """

        async def change(tx: WriteTx, old: Sale, _: datetime) -> Sale:
            if not await rooms.change(tx, sale, _room(body)):
                raise RoomUnknown
            return old

        return await self._change(sale, change, by=by, idem=idem)

    async def _change(self, key: UUID, change: Change, *, by: str, idem: Idempotent | None) -> Answer:
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            found = await rows.claim_sale(tx, key)
            if found is None:
                raise SaleUnknown
            old, at = found
            if old.state(at) == "ended":
                raise SaleOver
            changed = await change(tx, old, at)
            await rows.update(tx, changed._replace(updated_at=self.clock.now(), updated_by=by))
            return await _answer(tx, idem, 200, key)


def _check_schedule(sale: Sale) -> None:
    """Refuse a schedule that never opens while the sale runs, or for longer than a year."""
    if not sale.schedule:
        return
    if sale.ends_at - sale.starts_at > MAX_SCHEDULED:
        raise BadSaleTime(f"A sale with a schedule runs for at most {MAX_SCHEDULED.days} days.")
    if not sale.spans:
        raise BadSaleTime("The schedule never opens while the sale runs.")


def _room(body: RoomIn) -> RoomTerms:
    return RoomTerms(body.admit_per_second, body.pass_seconds)


def _item(sale: UUID, body: ItemIn) -> Item:
    return Item(item_id(sale, body.item), body.item, body.units, 0, body.max_per_person)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    try:
        return instant(local, zone)
    except NoSuchTime:
        raise BadSaleTime(f"{local} does not exist in {zone.key}: the clocks skip it.") from None
    except OverflowError:
        raise BadSaleTime("The time is out of range.") from None


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, key: UUID) -> Answer:
    found = await rows.sale(tx, key)
    if found is None:
        raise SaleUnknown
    answer = Answer(status, SaleOut.of(*found).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
