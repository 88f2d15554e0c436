"""Reservations: hold, extend, commit, void."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.loyalty.checkout.domain.effects import Effects, committing, holding, letting_go, redeeming
from services.loyalty.checkout.domain.redemption import Redemption, taken
from services.loyalty.checkout.domain.reservation import (
    MAX_EXTENSIONS,
    NOTHING,
    Hold,
    Paid,
    Reservation,
    extended_until,
    state_at,
)
from services.loyalty.checkout.domain.shares import shrunk
from services.loyalty.checkout.errors import (
    AlreadyUsed,
    BadTtl,
    CommitExceeds,
    NotApplicable,
    NothingAsked,
    OrderReserved,
    ReservationEnded,
    ReservationMismatch,
    ReservationUnknown,
    TooManyExtensions,
    UnknownVoucher,
)
from services.loyalty.checkout.repository import counters, redemptions, reservations
from services.loyalty.checkout.schemas import (
    CommitIn,
    RedemptionOut,
    ReservationIn,
    ReservationOut,
    basket_document,
    basket_of,
)
from services.loyalty.checkout.service.asking import Asked, asked_of
from services.loyalty.checkout.service.ending import Ending, persons_of
from services.loyalty.checkout.service.quoting import Buyer, Slip
from services.loyalty.checkout.service.taking import (
    Taking,
    Terms,
    counted,
    drawn,
    persistently,
    skipped_of,
    standing_of,
)
from services.loyalty.checkout.service.telling import announce_redeemed, tell_changed, tell_reserved
from services.loyalty.checkout.settings import CheckoutSettings
from services.loyalty.points.service import HoldRequest, Points
from services.loyalty.pools.errors import NotInPool, PoolUnknown, RoleNeeded
from services.loyalty.throttle.domain import Who
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Reserving:
    """Holds vouchers and points for a checkout. `by` is the caller's key: a reservation is its alone."""

    db: Database
    clock: Clock
    settings: CheckoutSettings
    points: Points
    taking: Taking
    ending: Ending

    async def reserve(self, person: UUID, body: ReservationIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Hold all of it, or nothing.

        Raises:
            BadBasket, BadTtl, NothingAsked, RepeatedVoucher: the request makes no sense.
            Throttled: too many codes have failed before.
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled: the customer may not spend of that household.
            NotApplicable, PointsRefused, NotEnoughPoints, LimitReached: not all of it can be had.
            OrderReserved, AlreadyUsed: the order has a reservation, or the voucher, already.
        """
        asked, ttl = asked_of(body, person, by), self._ttl(body.ttl_seconds)
        work = persistently(
            lambda: self._reserve(asked, ttl, by, idem, replace=body.replace),
            lambda campaigns: self.ending.reclaim(person, campaigns, asked.basket.order_id, asked.pool),
        )
        return await counted(self.taking.guard, asked.who, work)

    async def _reserve(
        self, asked: Asked, ttl: timedelta, by: str, idem: Idempotent | None, *, replace: bool
    ) -> Answer:
        order_id = asked.basket.order_id
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            buyer = await self.taking.buyer(tx, asked, also=await self._held_by(tx, order_id) if replace else ())
            if order_id is not None:
                await self._make_way(tx, order_id, asked, by, buyer.member, replace=replace)
            terms = await self.taking.agree(tx, asked, buyer)
            made = await self._hold(tx, asked, terms, ttl, by, buyer)
            said = ReservationOut.of(made, made.created_at, skipped=skipped_of(terms.priced))
            answer = Answer(201, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _held_by(self, tx: ReadTx, order_id: str | None) -> Collection[UUID]:
        """Whose points an order holds: to end that, they are locked with all others."""
        standing = None if order_id is None else await reservations.live_of(tx, order_id)
        return () if standing is None else await persons_of(tx, [(standing.id, standing.person)])

    async def _make_way(
        self, tx: WriteTx, order_id: str, asked: Asked, by: str, member: Member, *, replace: bool
    ) -> None:
        """See to it that the order holds nothing: end what it holds, if that is ours and was asked for."""
        standing = await reservations.live_of(tx, order_id)
        if standing is None:
            return
        if not replace or standing.owner != by or standing.person not in member.keys:
            raise OrderReserved
        if await reservations.end(tx, standing.id, "voided") or await reservations.expire(tx, standing.id):
            # All that the old one and the new one touch, in one go: else two that swap could wait for each other.
            wanted = await self.taking.quoting.look_up(tx, asked.codes)
            wanted = await self.taking.quoting.with_promotions(tx, wanted, None)
            found = [slip.voucher for slip in wanted if slip.voucher is not None]
            await counters.lock(
                tx,
                {hold.campaign_id for hold in standing.holds} | {each.campaign.id for each in found},
                {hold.voucher_id for hold in standing.holds} | {each.id for each in found},
            )
            await self.ending.let_go(tx, [standing])
            await tell_changed(tx, (standing.id,), self.clock.now())

    async def _hold(
        self, tx: WriteTx, asked: Asked, terms: Terms, ttl: timedelta, by: str, buyer: Buyer
    ) -> Reservation:
        basket, now = asked.basket, self.clock.now()
        wanted = Reservation(
            id=uuid7(),
            person=asked.person,
            owner=by,
            order_id=basket.order_id,
            state="held",
            currency=basket.currency,
            total_minor=basket.total_minor,
            holds=terms.holds,
            paid=terms.paid,
            extensions=0,
            created_at=now,
            expires_at=now + ttl,
            ended_at=None,
        )
        made = await reservations.add(tx, wanted, basket_document(basket), ttl)
        if made is None:
            raise OrderReserved
        if basket.order_id is not None and (used := await standing_of(tx, basket.order_id, terms.holds)):
            raise AlreadyUsed(used)
        effects = Effects()
        for hold in terms.holds:
            effects.add(hold.campaign_id, hold.voucher_id, asked.person, holding(hold.minor), hold.charges)
        await counters.apply(tx, effects)
        wallet, points, _, pool = terms.paid
        if wallet is not None:
            await self.points.hold(tx, HoldRequest(made.id, buyer.payer, wallet, points, made.expires_at))
        if pool is not None:
            await self.taking.purses.note(tx, drawn(made.id, made.person, made.paid, made.order_id, by, now, None))
        tell_reserved(tx, made, now)
        return made

    async def extend(self, reservation_id: UUID, seconds: int | None, *, by: str, idem: Idempotent | None) -> Answer:
        """Hold it longer, from now on; at most `MAX_EXTENSIONS` times.

        Raises:
            BadTtl: it is asked for too long.
            ReservationUnknown: it is not the caller's.
            ReservationEnded, TooManyExtensions: it cannot be extended.
        """
        ttl = self._ttl(seconds)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            held = await self._mine(tx, reservation_id, by)
            await members.lock_many(tx, await persons_of(tx, [(held.id, held.person)]))
            until = await reservations.extend(tx, reservation_id, ttl, MAX_EXTENSIONS)
            if until is None:
                raise await _why_not_extended(tx, reservation_id, ttl)
            if held.paid.points:
                await self.points.extend_hold(tx, reservation_id, until)
            await tell_changed(tx, (reservation_id,), self.clock.now())
            answer = await _state(tx, reservation_id)
            await remember(tx, idem, answer)
            return answer

    async def void(self, reservation_id: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """Let go of all that is held.

        Raises:
            ReservationUnknown: it is not the caller's.
            ReservationEnded: it has ended already.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            held = await self._mine(tx, reservation_id, by)
            await members.lock_many(tx, await persons_of(tx, [(held.id, held.person)]))
            if not await reservations.end(tx, reservation_id, "voided"):
                raise await _ended(tx, reservation_id)
            await self.ending.let_go(tx, [held])
            await tell_changed(tx, (reservation_id,), self.clock.now())
            answer = await _state(tx, reservation_id)
            await remember(tx, idem, answer)
            return answer

    async def commit(
        self, reservation_id: UUID, person: UUID | None, body: CommitIn, *, by: str, idem: Idempotent | None
    ) -> Answer:
        """Use what is held, or a part of it; the rest is let go.

        Raises:
            ReservationUnknown, ReservationMismatch: it is not this caller's, customer's or order's.
            UnknownVoucher, CommitExceeds, NothingAsked: what is to be used is not held.
            ReservationEnded: it has ended; after its time only `reacquire` takes the same again.
            NotApplicable, NotEnoughPoints, LimitReached: that is no longer all there.
            AlreadyUsed, OrderCancelled: the order cannot have it.
        """

        async def attempt() -> Answer:
            async with self.db.write() as tx:
                if (stored := await replayed(tx, idem)) is not None:
                    return stored
                held = await self._mine(tx, reservation_id, by)
                buyer = await self._buyer(tx, held, body)
                _check_bound(held, body, person, buyer.member)
                answer = await self._commit(tx, held, body, buyer)
                await remember(tx, idem, answer)
                return answer

        async with self.db.read() as tx:
            held = await self._mine(tx, reservation_id, by)
        return await persistently(
            attempt, lambda campaigns: self.ending.reclaim(held.person, campaigns, held.order_id, held.paid.pool)
        )

    async def _buyer(self, tx: WriteTx, held: Reservation, body: CommitIn) -> Buyer:
        """Who commits, locked, with all whose points are held; to take anew what a household paid, that as well."""
        persons = await persons_of(tx, [(held.id, held.person)])
        if held.paid.pool is not None and body.reacquire:
            try:
                purse = await self.taking.purses.lock(tx, held.paid.pool, held.person, also=persons)
            except (PoolUnknown, NotInPool, RoleNeeded):
                # What is still held is theirs all the same; only anew they cannot take it.
                pass
            else:
                return Buyer(purse.spender, purse)
        return Buyer((await members.lock_many(tx, persons))[held.person])

    async def _commit(self, tx: WriteTx, held: Reservation, body: CommitIn, buyer: Buyer) -> Answer:
        order_id = held.order_id or body.order_id
        used, paid = _used(held, body)
        effects = Effects()
        points_held: UUID | None = None
        if await reservations.end(tx, held.id, "committed", order_id):
            await tell_changed(tx, (held.id,), self.clock.now())
            points_held = held.id if held.paid.points else None
            minors = {hold.position: hold.minor for hold in used}
            for hold in held.holds:
                minor = minors.get(hold.position)
                change = letting_go(hold.minor) if minor is None else committing(hold.minor, minor)
                effects.add(hold.campaign_id, hold.voucher_id, held.person, change, hold.charges)
        else:
            used = await self._reacquire(tx, held, used, paid, body, buyer, effects)
        now = self.clock.now()
        wanted = _redemption(held, used, paid, order_id, now)
        made = await self.taking.redeem(tx, wanted, effects, buyer, held=points_held)
        announce_redeemed(tx, made, now)
        return Answer(201, RedemptionOut.of(made).model_dump_json().encode())

    async def _reacquire(
        self,
        tx: WriteTx,
        held: Reservation,
        used: Sequence[Hold],
        paid: Paid,
        body: CommitIn,
        buyer: Buyer,
        effects: Effects,
    ) -> list[Hold]:
        """Take anew what was held, if it was asked for and all of it still applies; the reservation stays expired.

        What is taken counts in the budgets of today.
        """
        now = await reservations.now(tx)
        standing = await reservations.find(tx, held.id)
        if standing is None or state_at(standing, now) != "expired" or not body.reacquire:
            raise await _ended(tx, held.id)
        if await redemptions.of_reservation(tx, held.id) is not None:
            raise await _ended(tx, held.id)
        if paid.pool is not None and buyer.purse is None:
            raise NotInPool
        if await reservations.expire(tx, held.id):
            await self.ending.let_go(tx, [held])
            await tell_changed(tx, (held.id,), self.clock.now())
        basket = basket_of(await reservations.basket_of(tx, held.id))
        vouchers = await self.taking.quoting.vouchers.load(tx, [hold.voucher_id for hold in used])
        slips = tuple(Slip(hold.position, vouchers.get(hold.voucher_id)) for hold in used)
        asked = Asked(Who(held.owner, held.person), held.person, basket, (), paid.wallet, paid.points, pool=paid.pool)
        again = await self.taking.agree_on(tx, slips, asked, buyer)
        now_held = {hold.voucher_id: hold for hold in again.holds}
        worth = {voucher_id: hold.minor for voucher_id, hold in now_held.items()}
        if short := [hold for hold in used if worth.get(hold.voucher_id, 0) < hold.minor]:
            raise NotApplicable(
                [
                    {"position": hold.position, "applies": False, "reason": "worth_less_now", "data": {}}
                    for hold in short
                ]
            )
        counted = [hold._replace(charges=now_held[hold.voucher_id].charges) for hold in used]
        for hold in counted:
            effects.add(hold.campaign_id, hold.voucher_id, held.person, redeeming(hold.minor), hold.charges)
        return counted

    async def get(self, reservation_id: UUID, *, by: str) -> ReservationOut:
        """A reservation of the caller's, as it is now.

        Raises:
            ReservationUnknown: it is not the caller's.
        """
        async with self.db.read() as tx:
            held = await self._mine(tx, reservation_id, by)
            return ReservationOut.of(
                held, await reservations.now(tx), await redemptions.of_reservation(tx, reservation_id)
            )

    async def page(
        self, *, person: UUID | None, order_id: str | None, before: UUID | None, limit: int
    ) -> Sequence[ReservationOut]:
        """Reservations of a person or an order, the newest first; one more than `limit` if there is more."""
        async with self.db.read() as tx:
            keys = None if person is None else (await members.find(tx, person)).keys
            found = await reservations.page(tx, persons=keys, order_id=order_id, before=before, limit=limit + 1)
            now = await reservations.now(tx)
        return [ReservationOut.of(each, now) for each in found]

    async def _mine(self, tx: ReadTx, reservation_id: UUID, by: str) -> Reservation:
        held = await reservations.find(tx, reservation_id)
        if held is None or held.owner != by:
            raise ReservationUnknown
        return held

    def _ttl(self, seconds: int | None) -> timedelta:
        ttl = self.settings.hold_for(seconds)
        if ttl is None:
            raise BadTtl(self.settings.max_reservation_seconds)
        return ttl


def _check_bound(held: Reservation, body: CommitIn, person: UUID | None, member: Member) -> None:
    if person is not None and person not in member.keys:
        raise ReservationMismatch("customer")
    if held.order_id is not None and body.order_id not in (None, held.order_id):
        raise ReservationMismatch("order")


def _used(held: Reservation, body: CommitIn) -> tuple[list[Hold], Paid]:
    """What of the reservation is to be used."""
    by_position = {hold.position: hold for hold in held.holds}
    used = list(held.holds)
    if body.vouchers is not None:
        used = []
        for number, wanted in enumerate(body.vouchers):
            hold = by_position.pop(wanted.position, None)
            if hold is None:
                raise UnknownVoucher(number)
            used.append(_part(hold, wanted.discount_minor))
    points = held.paid.points if body.points is None else body.points
    if points > held.paid.points:
        raise CommitExceeds("points", asked=points, held=held.paid.points)
    if not used and not points:
        raise NothingAsked
    paid = NOTHING
    if points:
        paid = Paid(held.paid.wallet, points, held.paid.minor * points // held.paid.points, held.paid.pool)
    return sorted(used), paid


def _part(hold: Hold, minor: int | None) -> Hold:
    if minor is None or minor == hold.minor:
        return hold
    if minor > hold.minor:
        raise CommitExceeds("discount_minor", asked=minor, held=hold.minor)
    return hold._replace(minor=minor, shares=shrunk(hold.shares, minor))


def _redemption(held: Reservation, used: Sequence[Hold], paid: Paid, order_id: str | None, now: datetime) -> Redemption:
    return Redemption(
        id=uuid7(),
        person=held.person,
        owner=held.owner,
        order_id=order_id,
        reservation_id=held.id,
        currency=held.currency,
        total_minor=held.total_minor,
        vouchers=tuple(map(taken, used)),
        paid=paid,
        points_back=0,
        points_back_minor=0,
        created_at=now,
    )


async def _ended(tx: ReadTx, reservation_id: UUID) -> ReservationEnded:
    """The refusal of a step on a reservation that has ended."""
    held = await reservations.find(tx, reservation_id)
    if held is None:
        raise ReservationUnknown
    state = state_at(held, await reservations.now(tx))
    return ReservationEnded(state, await redemptions.of_reservation(tx, reservation_id))


async def _why_not_extended(tx: ReadTx, reservation_id: UUID, ttl: timedelta) -> ReservationEnded | TooManyExtensions:
    held = await reservations.find(tx, reservation_id)
    now = await reservations.now(tx)
    if held is not None and state_at(held, now) == "held" and extended_until(held, now, ttl) is None:
        return TooManyExtensions(MAX_EXTENSIONS, held.expires_at)
    return await _ended(tx, reservation_id)


async def _state(tx: ReadTx, reservation_id: UUID) -> Answer:
    held = await reservations.find(tx, reservation_id)
    if held is None:
        raise ReservationUnknown
    return Answer(200, ReservationOut.of(held, await reservations.now(tx)).model_dump_json().encode())
