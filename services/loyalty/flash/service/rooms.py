"""Waiting rooms: a number for each who joins, a signed token of it, and who may claim.

The database gives the numbers; whether a number's turn has come is reckoned here, from a view of the room that is a
tenth of a second old at most. So whoever claims too early costs the database nothing.
"""

import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from services.loyalty.flash.domain.room import Room
from services.loyalty.flash.errors import (
    BadPass,
    PassNeeded,
    PassOver,
    RoomUnknown,
    SaleOver,
    StillWaiting,
    TooManyWaiting,
)
from services.loyalty.flash.repository import rooms as rows
from services.loyalty.flash.schemas.rooms import WaitingOut
from services.loyalty.flash.service.sales import Sales, Views
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.service.vault import Vault
from shared.db.engine import Database
from shared.delivery.lanes import Lane, Waiting

MAX_ROOMS = 10_000


class Pass(NamedTuple):
    """What a token says."""

    sale: UUID
    person: UUID
    number: int


class Seen(NamedTuple):
    """A room, and when it was read by the clock of this process (monotonic)."""

    room: Room | None
    read: float


@dataclass(slots=True)
class RoomViews:
    """Rooms as this process read them last, and what it joins them with. A sale without a room never gets one."""

    views: Views[Seen] = field(default_factory=Views)
    roomless: set[UUID] = field(default_factory=set)
    lanes: dict[UUID, Lane[UUID, int]] = field(default_factory=dict)

    def lane(self, sale: UUID) -> Lane[UUID, int]:
        """Those who join the room of a sale in this process."""
        if sale not in self.lanes:
            if len(self.lanes) >= MAX_ROOMS:
                self.lanes.clear()
            self.lanes[sale] = Lane("waiting room", 500, 20_000, TooManyWaiting)
        return self.lanes[sale]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The waiting rooms of flash sales."""

    db: Database
    vault: Vault
    known: RoomViews
    sales: Sales

    async def join(self, sale: UUID, person: UUID) -> WaitingOut:
        """Join the room of a sale, once: the same person has the same number until their time is over.

        Raises:
            RoomUnknown, SaleOver: there is nothing to wait for.
            TooManyWaiting: come again.
        """

        async def serve(batch: Sequence[Waiting[UUID, int]]) -> None:
            persons = list(dict.fromkeys(each.asked for each in batch))
            joined = await rows.join(self.db, sale, persons)
            if joined.status != "open":
                raise RoomUnknown if joined.status == "unknown" else SaleOver
            numbers = dict(zip(persons, joined.numbers, strict=True))
            for each in batch:
                each.settle(numbers[each.asked])

        number = await self.known.lane(sale).ask(person, serve)
        return await self._out(Pass(sale, person, number))

    async def position(self, sale: UUID, token: str) -> WaitingOut:
        """Where somebody stands.

        Raises:
            BadPass: the token is not one of this sale.
            RoomUnknown: the sale has no room.
        """
        return await self._out(await self._read(sale, token))

    async def check(self, sale: UUID, person: UUID, token: str | None) -> None:
        """Let somebody pass who may claim: their turn has come, or the sale has no room.

        Raises:
            PassNeeded, BadPass, StillWaiting: they may not.
            PassOver: they might have; what they claimed in time is theirs.
        """
        found = await self._view(sale)
        if found is None:
            return
        room, at = found
        if token is None:
            raise PassNeeded
        told = await self._read(sale, token)
        if told.person != person:
            raise BadPass
        if not room.is_in(told.number, at):
            turn = room.turn_at(told.number)
            wait = 5.0 if turn is None else (turn - at).total_seconds()
            raise StillWaiting(room.ahead(told.number, at), max(1, math.ceil(wait)))
        until = room.pass_until(told.number)
        if until is not None and at >= until:
            raise PassOver

    async def _view(self, sale: UUID) -> tuple[Room, datetime] | None:
        """The room, and what time it is by the clock of the database; None: there is none."""
        if sale in self.known.roomless:
            return None

        async def read() -> Seen:
            began = monotonic()
            return Seen(await rows.room(self.db, sale), began)

        room, began = await self.known.views.get(sale, read)
        if room is None:
            if len(self.known.roomless) >= MAX_ROOMS:
                self.known.roomless.clear()
            self.known.roomless.add(sale)
            return None
        return room, room.at + timedelta(seconds=monotonic() - began)

    async def _out(self, told: Pass) -> WaitingOut:
        found = await self._view(told.sale)
        if found is None:
            raise RoomUnknown
        room, at = found
        left = await self.sales.view(told.sale)
        return WaitingOut.model_construct(
            sale=told.sale,
            token=_token(await self._peppers(), told),
            number=told.number,
            is_in=room.is_in(told.number, at),
            ahead=room.ahead(told.number, at),
            admit_per_second=room.per_second,
            turn_at=room.turn_at(told.number),
            pass_until=room.pass_until(told.number),
            items=left.items,
            is_sold_out=all(each.remaining == 0 for each in left.items),
            as_of=at,
        )

    async def _read(self, sale: UUID, token: str) -> Pass:
        try:
            number, person, signature = token.split(".")
            told = Pass(sale, UUID(hex=person), int(number))
            given = bytes.fromhex(signature)
        except ValueError:
            raise BadPass from None
        signed = (await self._peppers()).fingerprints(_said(told))
        if not any(hmac.compare_digest(each, given) for each in signed):
            raise BadPass
        return told

    async def _peppers(self) -> Peppers:
        if (held := self.vault.held) is not None:
            return held
        async with self.db.write() as tx:
            return await self.vault.peppers(tx)


def _said(told: Pass) -> str:
    return f"flash pass {told.sale.hex} {told.person.hex} {told.number}"


def _token(peppers: Peppers, told: Pass) -> str:
    return f"{told.number}.{told.person.hex}.{peppers.fingerprint(_said(told)).hex()}"
