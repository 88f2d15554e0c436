"""Use cases at the counter: what staff and shops do with the points of members, each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.loyalty.points.domain.requests import HoldRequest
from services.loyalty.points.errors import (
    AdjustmentDecided,
    AdjustmentUnknown,
    BadMember,
    HoldUnknown,
    SamePerson,
    TransferLimit,
    TransfersOff,
)
from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import requests
from services.loyalty.points.repository.requests import Adjustment, Transfer
from services.loyalty.points.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    CaptureIn,
    ExtendIn,
    HoldIn,
    HoldOut,
    TransferIn,
    TransferOut,
)
from services.loyalty.points.service import telling
from services.loyalty.points.service.ledger import Points
from services.loyalty.programs.domain.calendar import local_day
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.envelope import Event
from shared.identity import members
from shared.ids import customer_key, uuid7


@dataclass(frozen=True, slots=True)
class Counter:
    """Adjustments, transfers and holds. Each use case names the key that asks (`by`)."""

    db: Database
    clock: Clock
    programs: Programs
    points: Points

    async def adjust(self, person: UUID, body: AdjustmentIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Give or take points by hand; above the programme's threshold somebody else has to approve.

        Raises:
            UnknownWallet: the programme has no such wallet.
            NotEnoughPoints: there are not as many to take.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            asked = await self.adjusted(tx, person, body, by=by)
            return await _answer(tx, idem, 202 if asked.state == "waiting" else 201, AdjustmentOut.of(asked))

    async def adjusted(self, tx: WriteTx, person: UUID, body: AdjustmentIn, *, by: str) -> Adjustment:
        """The same inside a transaction."""
        now = self.clock.now()
        terms = (await self.programs.current(tx, now)).wallet(body.wallet)
        asked = Adjustment(
            uuid7(), person, body.wallet, body.points, body.reason, body.note, body.reference, body.expires_at,
            "waiting", now, by, None, None,
        )  # fmt: skip
        if terms.four_eyes_above is None or abs(body.points) <= terms.four_eyes_above:
            asked = await self._post(tx, asked, now, by)
        await _keep(tx, asked, now)
        return asked

    async def decide(self, adjustment_id: UUID, *, is_approved: bool, by: str, idem: Idempotent | None) -> Answer:
        """Approve an adjustment that waits, or refuse it.

        Raises:
            AdjustmentUnknown, AdjustmentDecided: there is none that waits.
            SamePerson: who asked for it cannot approve it.
            NotEnoughPoints: there are not as many to take.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            asked = await _asked(tx, adjustment_id)
            await members.lock(tx, asked.person_id)
            # Read again: somebody may have decided while we waited.
            asked = await _asked(tx, adjustment_id)
            if asked.state != "waiting":
                raise AdjustmentDecided(asked.state)
            if is_approved and asked.asked_by == by:
                raise SamePerson("Who asked for an adjustment cannot approve it: another key must.")
            now = self.clock.now()
            refused = asked._replace(state="refused", decided_at=now, decided_by=by)
            decided = await self._post(tx, asked, now, by) if is_approved else refused
            await _keep(tx, decided, now)
            return await _answer(tx, idem, 200, AdjustmentOut.of(decided))

    async def waiting(self, *, after: UUID | None, limit: int) -> Sequence[Adjustment]:
        """Adjustments that wait, the oldest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await requests.waiting(tx, after=after, limit=limit + 1)

    async def adjustment(self, adjustment_id: UUID) -> Adjustment:
        """An adjustment.

        Raises:
            AdjustmentUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _asked(tx, adjustment_id)

    async def transfer(self, person: UUID, body: TransferIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Give points of one member to another.

        Raises:
            UnknownWallet, TransfersOff, TransferLimit: the programme does not allow it.
            BadMember, SamePerson: there is nobody to give them to.
            NotEnoughPoints: the sender has not as many.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            return await _answer(tx, idem, 201, TransferOut.of(await self.transferred(tx, person, body, by=by)))

    async def transferred(self, tx: WriteTx, person: UUID, body: TransferIn, *, by: str) -> Transfer:
        """The same inside a transaction."""
        recipient = read_member(body.to)
        locked = await members.lock_many(tx, {person, recipient})
        sender = locked[person]
        if recipient in sender.keys:
            raise SamePerson("The two are one person.")
        now = self.clock.now()
        terms = await self.programs.current(tx, now)
        day = local_day(now, terms.zone_of(body.wallet))
        _allow(body, terms, sent=await requests.sent(tx, sender.keys, body.wallet, day))
        fee = terms.wallet(body.wallet).transfers.fee(body.points)
        moved = Transfer(uuid7(), person, recipient, body.wallet, body.points, fee, day, now, by)
        await self.points.transfer(tx, moved.id, sender, recipient, body.wallet, body.points, fee)
        await requests.put_transfer(tx, moved)
        tx.emit(Event(uuid7(), person, now, now, telling.transferred(moved)))
        return moved

    async def hold(self, person: UUID, body: HoldIn, *, idem: Idempotent | None) -> Answer:
        """Set points of a member apart for some seconds.

        Raises:
            UnknownWallet: the programme has no such wallet.
            NotEnoughPoints: there are not as many.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            return await self._hold(tx, await self.held(tx, person, body), idem, 201)

    async def held(self, tx: WriteTx, person: UUID, body: HoldIn) -> UUID:
        """The same inside a transaction; the hold."""
        member = await members.lock(tx, person)
        request = HoldRequest(uuid7(), member, body.wallet, body.points, await hold_rows.deadline(tx, body.ttl_seconds))
        await self.points.hold(tx, request)
        return request.id

    async def extend(self, hold_id: UUID, body: ExtendIn, *, idem: Idempotent | None) -> Answer:
        """Let a hold last some seconds from now.

        Raises:
            HoldUnknown, HoldEnded: there is none that stands.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await self.points.extend_hold(tx, hold_id, await hold_rows.deadline(tx, body.ttl_seconds))
            return await self._hold(tx, hold_id, idem, 200)

    async def capture(self, hold_id: UUID, body: CaptureIn, *, idem: Idempotent | None) -> Answer:
        """Spend a hold, or a part of it; the rest is released.

        Raises:
            HoldUnknown, HoldEnded: there is none that stands.
            MoreThanHeld: more is to be spent than was held.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if (found := await hold_rows.get(tx, hold_id)) is None:
                raise HoldUnknown
            points = found.points if body.points is None else body.points
            await self.points.capture(tx, hold_id, points, f"capture:{hold_id}", body.reason, body.reference)
            return await self._hold(tx, hold_id, idem, 200)

    async def void(self, hold_id: UUID, *, idem: Idempotent | None) -> Answer:
        """Let go of a hold; one that has ended stays as it is.

        Raises:
            HoldUnknown: there is none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await self.points.release(tx, hold_id)
            return await self._hold(tx, hold_id, idem, 200)

    async def _post(self, tx: WriteTx, asked: Adjustment, now: datetime, by: str) -> Adjustment:
        await self.points.adjust(tx, asked.id, asked.person_id, asked.wallet, asked.points, reason=asked.reason,
                                 reference=asked.reference, expires_at=asked.expires_at, actor=by)  # fmt: skip
        return asked._replace(state="posted", decided_at=now, decided_by=by)

    async def _hold(self, tx: WriteTx, hold_id: UUID, idem: Idempotent | None, status: int) -> Answer:
        if (found := await hold_rows.get(tx, hold_id)) is None:
            raise HoldUnknown
        return await _answer(tx, idem, status, HoldOut.of(found))


async def _keep(tx: WriteTx, asked: Adjustment, now: datetime) -> None:
    """Store what an adjustment is by now, and tell of it."""
    await requests.put_adjustment(tx, asked)
    tx.emit(Event(uuid7(), asked.person_id, now, now, telling.asked(asked)))


def _allow(body: TransferIn, terms: Terms, *, sent: int) -> None:
    rules = terms.wallet(body.wallet).transfers
    if not rules.is_allowed:
        raise TransfersOff(body.wallet)
    left = max(0, rules.daily - sent)
    if not rules.least <= body.points <= min(rules.most, left):
        raise TransferLimit(least=rules.least, most=rules.most, left_today=left)


async def _asked(tx: ReadTx, adjustment_id: UUID) -> Adjustment:
    found = await requests.adjustment(tx, adjustment_id)
    if found is None:
        raise AdjustmentUnknown
    return found


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, said: BaseModel) -> Answer:
    answer = Answer(status, said.model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer


def read_member(reference: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadMember: it names none.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadMember from None
