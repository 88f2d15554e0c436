"""What reservations and redemptions share: take all of what was asked, or refuse with every reason.

Order of locks, everywhere: the idempotency key, the household's pool, persons, the reservation, uses of persons,
campaigns, vouchers, wallets. Each transaction is short, and none waits for anything but locks.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from services.loyalty.checkout.domain.effects import Effects, redeeming
from services.loyalty.checkout.domain.redemption import Redemption, taken
from services.loyalty.checkout.domain.reservation import NOTHING, Hold, Paid
from services.loyalty.checkout.domain.rollback import Redeemed
from services.loyalty.checkout.errors import (
    AlreadyUsed,
    LimitReached,
    NotApplicable,
    NothingAsked,
    OrderCancelled,
    OrderReserved,
    PointsRefused,
)
from services.loyalty.checkout.repository import counters, redemptions
from services.loyalty.checkout.schemas import PointsQuoteOut, SkippedOut
from services.loyalty.checkout.service.asking import Asked
from services.loyalty.checkout.service.knowing import Knowing, facts_by_person
from services.loyalty.checkout.service.promising import promised
from services.loyalty.checkout.service.quoting import (
    Buyer,
    Pay,
    Priced,
    Quoting,
    Slip,
    When,
    counts_in_budgets,
    rejection,
)
from services.loyalty.points.errors import NotEnoughPoints, SpendingLimit
from services.loyalty.points.service import Points, Spend
from services.loyalty.pools.domain import Spent
from services.loyalty.pools.service.purses import Purses
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.service import Guard
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.identity import members
from shared.ids import uuid7

T = TypeVar("T")

# A loser of a race looks again, and is then told precisely; more often than that, the campaign is over all but in name.
ATTEMPTS = 4


class Terms(NamedTuple):
    """What will be taken: each voucher with its part, and what points pay."""

    priced: Priced
    holds: tuple[Hold, ...]
    paid: Paid


@dataclass(frozen=True, slots=True)
class Taking:
    """Takes vouchers and points, inside the caller's transaction."""

    clock: Clock
    quoting: Quoting
    knowing: Knowing
    points: Points
    guard: Guard
    purses: Purses

    async def buyer(self, tx: WriteTx, asked: Asked, also: Collection[UUID] = ()) -> Buyer:
        """Who buys, locked, as are the person keys `also`; of a household that is locked before, and all in it.

        Raises:
            PoolUnknown, NotInPool, RoleNeeded: they may not spend of the household.
        """
        if asked.pool is None:
            return Buyer((await members.lock_many(tx, {asked.person, *also}))[asked.person])
        purse = await self.purses.lock(tx, asked.pool, asked.person, also=also)
        return Buyer(purse.spender, purse)

    async def agree(self, tx: WriteTx, asked: Asked, buyer: Buyer) -> Terms:
        """What all that was asked for comes to.

        Raises:
            NothingAsked, RepeatedVoucher: the request makes no sense.
            Throttled: too many codes have failed before.
            NotApplicable: a voucher does not apply; with the reason of each.
            PointsRefused: points cannot pay that.
            QuoteUnknown, QuoteLapsed, QuoteMismatch: they were not quoted so.
        """
        standing, order_id = await self.quoting.board.standing(tx), asked.basket.order_id
        if not asked.codes and not asked.pays and not standing.promotions:
            raise NothingAsked
        if not asked.codes:
            return await self.agree_on(tx, await self.quoting.with_promotions(tx, (), order_id), asked, buyer)
        known = await self.knowing.read(tx, [(asked.who, asked.codes)])
        known.check(asked.who)
        slips = known.slips(asked.codes)
        if not standing.is_plain or counts_in_budgets(slips):
            return await self.agree_on(tx, await self.quoting.with_promotions(tx, slips, order_id), asked, buyer)
        member = buyer.member
        facts = await facts_by_person(tx, [(member, slips)], None)
        priced = self.quoting.priced(
            slips,
            asked.basket,
            When(self.clock.now(), asked.mode),
            facts[member.root],
            known.standing(slips, member, {}),
        )
        return await self._settle(tx, priced, asked, buyer)

    async def agree_on(self, tx: WriteTx, slips: tuple[Slip, ...], asked: Asked, buyer: Buyer) -> Terms:
        """The same, for vouchers that were found already."""
        priced = await self.quoting.price(tx, slips, asked.basket, buyer.member, When(self.clock.now(), asked.mode))
        return await self._settle(tx, priced, asked, buyer)

    async def _settle(self, tx: WriteTx, priced: Priced, asked: Asked, buyer: Buyer) -> Terms:
        is_empty = not priced.quote.applied and not asked.pays
        if not priced.is_whole and (asked.mode == "all" or is_empty):
            raise NotApplicable(rejections(priced), priced.scarce())
        if is_empty:
            raise NothingAsked
        paid = NOTHING
        if asked.pays:
            points, rate = await promised(
                tx,
                asked.quote,
                by=asked.who.key_id,
                member=buyer.member,
                currency=asked.basket.currency,
                wallet=asked.wallet,
                points=asked.points,
            )
            pay = await self.quoting.pay(tx, priced, buyer, asked.wallet, points, self.clock.now(), rate)
            paid = _settled(pay)
        return Terms(priced, priced.holds(asked.person), paid)

    async def redeem(
        self, tx: WriteTx, redemption: Redemption, effects: Effects, buyer: Buyer, *, held: UUID | None
    ) -> Redemption:
        """Write a redemption and move all counters; `held`: its points are held under this id.

        Raises:
            LimitReached, NotEnoughPoints, SpendingLimit: something went to somebody else.
            AlreadyUsed, OrderCancelled: the order cannot have it.
        """
        written = await redemptions.add(tx, (redemption,))
        made = redemption._replace(created_at=written.created_at)
        if written.is_cancelled:
            raise OrderCancelled
        if written.vouchers < len(redemption.vouchers):
            raise AlreadyUsed(await standing_of(tx, redemption.order_id or "", made.vouchers, but=made.id))
        await counters.apply(tx, effects)
        await self._pay(tx, made, buyer, held)
        return made

    async def _pay(self, tx: WriteTx, made: Redemption, buyer: Buyer, held: UUID | None) -> None:
        wallet, points, _, pool = made.paid
        key, reason = spend_key(made.id), "checkout"
        if held is not None and points:
            await self.points.capture(tx, held, points, key, reason, made.order_id)
            if pool is not None:
                await self.purses.captured(tx, held, key)
        elif held is not None:
            await self.points.release(tx, held)
        elif wallet is not None:
            await self.points.spend(tx, Spend(buyer.payer, wallet, points, key, reason, made.order_id))
            if pool is not None:
                await self.purses.note(
                    tx, drawn(made.id, made.person, made.paid, made.order_id, made.owner, made.created_at, key)
                )


async def standing_of(
    tx: ReadTx, order_id: str, wanted: Sequence[Hold | Redeemed], *, but: UUID | None = None
) -> list[UUID]:
    """The redemptions, `but` one, in which a voucher of these stands for the order."""
    vouchers = {each.voucher_id for each in wanted}
    return [
        each.id
        for each in await redemptions.of_orders(tx, [order_id])
        if each.id != but
        and any(voucher.voucher_id in vouchers and not voucher.is_rolled_back for voucher in each.vouchers)
    ]


def redemption_of(
    asked: Asked, terms: Terms, owner: str, now: datetime, reservation_id: UUID | None = None
) -> Redemption:
    """The redemption that will be written."""
    return Redemption(
        id=uuid7(),
        person=asked.person,
        owner=owner,
        order_id=asked.basket.order_id,
        reservation_id=reservation_id,
        currency=asked.basket.currency,
        total_minor=asked.basket.total_minor,
        vouchers=tuple(map(taken, terms.holds)),
        paid=terms.paid,
        points_back=0,
        points_back_minor=0,
        created_at=now,
    )


def taking_effects(terms: Terms, person: UUID) -> Effects:
    """What a redemption without a hold before it changes."""
    effects = Effects()
    for hold in terms.holds:
        effects.add(hold.campaign_id, hold.voucher_id, person, redeeming(hold.minor), hold.charges)
    return effects


def drawn(
    key: UUID, person: UUID, paid: Paid, order_id: str | None, by: str, at: datetime, operation: str | None
) -> Spent:
    """What a household's pool notes of what it pays; `operation` None: it is only set apart."""
    assert paid.pool is not None, "it was paid from a pool"
    assert paid.wallet is not None, "points are of a wallet"
    return Spent(key, paid.pool, person, paid.wallet, paid.points, 0, operation is None, order_id, at, by, operation)


def spend_key(redemption_id: UUID) -> str:
    """Under which key the ledger knows the points of a redemption."""
    return f"redemption:{redemption_id}"


def rejections(priced: Priced) -> list[dict[str, Any]]:
    """Why each voucher counts for nothing; one that would, alone or with others, has no reason."""
    found = []
    for slip in priced.codes:
        said = rejection(slip, priced.quote)
        reason, data = (None, {}) if said is None else said
        found.append({"position": slip.position, "applies": said is None, "reason": reason, "data": dict(data)})
    return found


def skipped_of(priced: Priced) -> list[SkippedOut]:
    """The codes that do not count."""
    return [
        SkippedOut(position=each["position"], reason=each["reason"], data=each["data"])
        for each in rejections(priced)
        if each["reason"] is not None
    ]


def points_out(pay: Pay) -> PointsQuoteOut:
    """The offer, on the wire."""
    return PointsQuoteOut(
        wallet=pay.wallet,
        available=pay.available,
        max_points=pay.most.points,
        max_minor=pay.most.minor,
        minimum_points=pay.minimum,
        points=pay.paid.points,
        minor=pay.paid.minor,
        reason=pay.reason,
    )


def _settled(pay: Pay | None) -> Paid:
    if pay is None:
        raise PointsRefused("not_offered", {})
    if pay.reason is not None:
        raise PointsRefused(pay.reason, points_out(pay).model_dump())
    return pay.paid


async def counted(guard: Guard, who: Who, work: Awaitable[T]) -> T:
    """Do the work; codes that were tried and are nobody's, or somebody else's, count for the throttle."""
    try:
        return await work
    except NotApplicable as refusal:
        if refusal.strangers:
            await guard.failed(who, refusal.strangers)
        raise


async def persistently(attempt: Callable[[], Awaitable[T]], reclaim: Callable[[frozenset[UUID]], Awaitable[int]]) -> T:
    """Try again when what stood in the way was a hold that has run out, or somebody was quicker.

    A hold that has run out never keeps anybody from anything: who needs it ends it, in a transaction of its own, for
    it may be another person's.
    """
    for left in range(ATTEMPTS, 0, -1):
        try:
            return await attempt()
        except LimitReached:
            if left == 1:
                raise
        except NotApplicable as refusal:
            if left == 1 or not refusal.scarce or not await reclaim(refusal.scarce):
                raise
        except (NotEnoughPoints, SpendingLimit, PointsRefused, OrderReserved):
            if left == 1 or not await reclaim(frozenset()):
                raise
    raise AssertionError("the last attempt answers or raises")
