"""Claiming, confirming and releasing."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.loyalty.flash.domain.sale import Answered, Claim, ClaimState, Decision, Verdict, Want, claim_id, item_id
from services.loyalty.flash.errors import (
    BadSaleCustomer,
    ClaimFallen,
    ClaimKeyReused,
    ClaimUnknown,
    ItemUnknown,
    LimitReached,
    NotDrawn,
    NotEnoughLeft,
    NotOpenYet,
    PassOver,
    SaleOver,
    SalePaused,
    SoldOut,
)
from services.loyalty.flash.repository import sales as rows
from services.loyalty.flash.schemas.sales import ClaimIn
from services.loyalty.flash.service import telling
from services.loyalty.flash.service.lanes import Lanes
from services.loyalty.flash.service.rooms import Rooms
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.errors import AppError
from shared.identity import mapping
from shared.ids import customer_key


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims on items of flash sales."""

    db: Database
    clock: Clock
    lanes: Lanes
    rooms: Rooms

    async def claim(self, sale: UUID, body: ClaimIn) -> tuple[Claim, bool]:
        """Claim units under a key; the claim, and whether it is new. The same key again gives the same claim.

        Raises:
            BadSaleCustomer, ItemUnknown: nothing can be claimed so.
            NotOpenYet, SalePaused, SaleOver, SoldOut, NotEnoughLeft, LimitReached, NotDrawn: nothing was claimed.
            PassNeeded, BadPass, StillWaiting, PassOver: the waiting room has not let them in.
            ClaimKeyReused: the key belongs to another claim.
            TooManyWaiting: nothing was claimed; come again.
            ClaimUnsure: the database did not answer; the same key again tells.
        """
        person, item = person_of(body.customer), item_id(sale, body.item)
        want = Want(claim_id(item, body.key), body.key, person, body.units)
        try:
            await self.rooms.check(sale, person, body.token)
        except PassOver:
            # Their answer may have been lost: what they claimed in time is theirs.
            return await self._in_time(want), False
        lane = self.lanes.lane(item, partial(rows.decide, self.db), self._claim_ids)
        answered = await lane.claim(want)
        decision = answered.decision
        if decision.status == "unknown":
            raise ItemUnknown
        if answered.verdict == Verdict.GRANTED and decision.claimed_at is not None:
            number = decision.numbers[answered.place]
            state: ClaimState = "confirmed" if decision.expires_at is None else "held"
            at, until = decision.claimed_at, decision.expires_at
            return Claim(want.id, sale, body.item, want.key, person, want.units, number, state, at, until), True
        if answered.verdict == Verdict.KNOWN:
            return await self._known(want), False
        raise _refusal(answered)

    async def get(self, claim: UUID) -> Claim:
        """A claim as it is now.

        Raises:
            ClaimUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _found(tx, claim)

    async def confirm(self, claim: UUID, order_id: str | None) -> Claim:
        """Let a held claim stand, for it was paid. What is confirmed already stays as it is.

        Raises:
            ClaimUnknown: there is none.
            ClaimFallen: it was released, or was not confirmed in time.
        """
        async with self.db.write() as tx:
            is_done = await rows.confirm(tx, claim, order_id)
            found = await _found(tx, claim)
            if found.state != "confirmed":
                raise ClaimFallen(found.state)
            if is_done:
                tx.emit(telling.claimed(found, self.clock.now()))
            return found

    async def release(self, claim: UUID) -> Claim:
        """Give a held claim's units back. What is released or expired already stays as it is.

        Raises:
            ClaimUnknown: there is none.
            ClaimFallen: it is confirmed.
        """
        is_done = await rows.release(self.db, claim)
        found = await self.get(claim)
        if is_done:
            self.lanes.forget(item_id(found.sale_id, found.item))
        if found.state == "confirmed":
            raise ClaimFallen(found.state)
        return found

    async def _in_time(self, want: Want) -> Claim:
        try:
            return await self._known(want)
        except ClaimUnknown:
            raise PassOver from None

    async def _known(self, want: Want) -> Claim:
        """The claim that a key has, if it is what is asked for."""
        async with self.db.read() as tx:
            known = await _found(tx, want.id)
            if known.units != want.units:
                raise ClaimKeyReused
            if known.person_id != want.person_id:
                roots = await mapping.roots(tx, (known.person_id, want.person_id))
                if roots[known.person_id] != roots[want.person_id]:
                    raise ClaimKeyReused
            return known

    async def _claim_ids(self, item: UUID, after: int, upto: int) -> list[UUID]:
        return await rows.claim_ids(self.db, item, after=after, upto=upto)


def person_of(reference: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadSaleCustomer: it names none.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadSaleCustomer from None


async def _found(tx: ReadTx, claim: UUID) -> Claim:
    found = await rows.claim(tx, claim)
    if found is None:
        raise ClaimUnknown
    return found


def _refusal(answered: Answered) -> AppError:
    decision, verdict = answered.decision, answered.verdict
    if verdict == Verdict.CLOSED:
        return _closed(decision)
    if verdict == Verdict.NOT_DRAWN:
        return NotDrawn()
    if verdict == Verdict.TOO_FEW:
        return NotEnoughLeft(decision.remaining) if decision.remaining else SoldOut()
    return LimitReached("item" if verdict == Verdict.LIMIT_OF_ITEM else "sale")


def _closed(decision: Decision) -> AppError:
    if decision.status == "scheduled":
        return NotOpenYet(decision.starts_at)
    return SalePaused() if decision.status == "paused" else SaleOver()
