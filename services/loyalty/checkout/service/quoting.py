"""What vouchers and points are worth on a basket, to whom, and when. Reads alone."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.audience.domain import Facts as Audience
from services.loyalty.audience.service import facts_of
from services.loyalty.checkout.domain.payment import Offer, Rate, fewest, offer, worth
from services.loyalty.checkout.domain.reservation import NOTHING, Hold, Paid
from services.loyalty.checkout.domain.shares import ORDER_LEVEL, Share
from services.loyalty.checkout.errors import RepeatedVoucher
from services.loyalty.checkout.repository import counters, redemptions
from services.loyalty.checkout.repository.counters import Overdue, Used
from services.loyalty.points.service import Points
from services.loyalty.pools.service.purses import Purse, Purses
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.service import Programs
from services.loyalty.promotions.domain import DEFAULT, Stacking
from services.loyalty.promotions.service import Board
from services.loyalty.promotions.service.rooms import rooms_of
from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.budgets import Charge, Room, customer
from services.loyalty.vouchers.domain.codes import canonical
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.rule import asks_of_person
from services.loyalty.vouchers.domain.stacking import Applied, Candidate, Quote, quote
from services.loyalty.vouchers.domain.voucher import Reason, Voucher
from services.loyalty.vouchers.service import Vouchers
from shared.db.engine import ReadTx
from shared.identity.person import Member

# What a hold that has run out may stand behind.
SCARCE = frozenset(
    {
        Reason.CAMPAIGN_USED_UP,
        Reason.BUDGET_EXHAUSTED,
        Reason.CODE_USED_UP,
        Reason.NO_BALANCE,
        Reason.CUSTOMER_LIMIT,
        Reason.CUSTOMER_BUDGET,
    }
)


NOWHERE = 0


class Slip(NamedTuple):
    """One voucher as it was asked for; `voucher` None: there is no such code. A promotion, which nobody asked for, has
    no position before it applies: those that do come after the codes."""

    position: int
    voucher: Voucher | None


class Priced(NamedTuple):
    """The vouchers of a basket, priced. `slips` are in the order they were asked for."""

    basket: Basket
    slips: tuple[Slip, ...]
    quote: Quote

    @property
    def is_whole(self) -> bool:
        """Whether every one of them counts."""
        return self.quote.is_whole and all(slip.voucher is not None for slip in self.slips)

    @property
    def codes(self) -> tuple[Slip, ...]:
        """Those that were asked for."""
        return tuple(slip for slip in self.slips if slip.voucher is None or not slip.voucher.campaign.is_automatic)

    def holds(self, person: UUID | None = None) -> tuple[Hold, ...]:
        """What each of them takes, with its position; `person` is the raw key it counts for."""
        places = {slip.voucher.id: slip.position for slip in self.slips if slip.voucher is not None}
        made = [
            Hold(
                places[each.voucher.id],
                each.voucher.campaign.id,
                each.voucher.id,
                each.total_minor,
                shares_of(each),
                charges_of(each, person) if each.rooms else (),
                each.short_minor,
            )
            for each in self.quote.applied
        ]
        return tuple(sorted(made))

    def names(self) -> dict[UUID, str]:
        """The campaigns' names, by voucher."""
        return {slip.voucher.id: slip.voucher.campaign.name for slip in self.slips if slip.voucher is not None}

    def scarce(self) -> frozenset[UUID]:
        """Campaigns that gave nothing because nothing was left, while something of them is held."""
        return frozenset(
            each.voucher.campaign.id
            for each in self.quote.rejected
            if each.reason in SCARCE and each.voucher.campaign.reserved
        )


class Pay(NamedTuple):
    """What points could pay of an order, and what was asked; `reason` says why that cannot be."""

    wallet: str
    available: int
    minimum: int
    most: Offer
    paid: Paid
    reason: str | None


class Buyer(NamedTuple):
    """Who buys, and whose points pay: their own, or those of a household."""

    member: Member
    purse: Purse | None = None

    @property
    def payer(self) -> Member:
        """All keys whose points pay."""
        return self.member if self.purse is None else self.purse.all


class When(NamedTuple):
    """At which moment, and whether all count or none. `past`: by what was known of the customer then."""

    now: datetime
    mode: Literal["all", "partial"] = "all"
    past: datetime | None = None


class Standing(NamedTuple):
    """What a person has used before, under any of their keys; what budgets have left, and the firm's rules."""

    keys: frozenset[UUID] = frozenset()
    uses: Mapping[UUID, Used] = {}
    rooms: Mapping[UUID, tuple[Room, ...]] = {}
    stacking: Stacking = DEFAULT


@dataclass(frozen=True, slots=True)
class Quoting:
    """Prices baskets."""

    vouchers: Vouchers
    programs: Programs
    points: Points
    max_vouchers: int
    board: Board
    purses: Purses

    async def look_up(self, tx: ReadTx, codes: Sequence[str]) -> tuple[Slip, ...]:
        """The vouchers of these codes.

        Raises:
            RepeatedVoucher: two codes are one, however they are written.
        """
        refuse_repeated(codes)
        found = (await self.vouchers.find(tx, codes)).vouchers if codes else {}
        return tuple(Slip(number, found.get(code)) for number, code in enumerate(codes, 1))

    async def with_promotions(self, tx: ReadTx, slips: tuple[Slip, ...], order_id: str | None) -> tuple[Slip, ...]:
        """The same and every promotion that is active, but for those that stand for the order already."""
        promotions = (await self.board.standing(tx)).promotions
        if not promotions:
            return slips
        found = await self.vouchers.load(tx, promotions)
        stand = set() if order_id is None else await redemptions.standing_for(tx, order_id, promotions)
        return (*slips, *(Slip(NOWHERE, found[each]) for each in promotions if each in found and each not in stand))

    async def price(
        self, tx: ReadTx, slips: tuple[Slip, ...], basket: Basket, member: Member | None, when: When
    ) -> Priced:
        """What they are worth together."""
        known = vouchers_of(slips)
        uses: Mapping[UUID, Used] = {}
        facts, keys = STRANGER, frozenset[UUID]()
        stacking = (await self.board.standing(tx)).stacking
        rooms = await rooms_of(tx, known, basket, member, when.now)
        if member is not None and known:
            keys = frozenset(member.keys)
            uses = await _uses(tx, member, known)
            facts = await _facts(tx, member, known, when.past)
        return self.priced(slips, basket, when, facts, Standing(keys, uses, rooms, stacking))

    async def look(
        self, tx: ReadTx, slips: tuple[Slip, ...], basket: Basket, member: Member | None, when: When
    ) -> Priced:
        """The same, as if every hold that has run out had been ended: so a look says what a try would do."""
        priced = await self.price(tx, slips, basket, member, when)
        over = await counters.overdue(tx, priced.scarce()) if priced.scarce() else []
        if not over:
            return priced
        freed = tuple(slip._replace(voucher=slip.voucher and _without(slip.voucher, over)) for slip in slips)
        known = vouchers_of(freed)
        stacking = (await self.board.standing(tx)).stacking
        rooms = freed_rooms(await rooms_of(tx, known, basket, member, when.now), over, member)
        standing, facts = Standing(rooms=rooms, stacking=stacking), STRANGER
        if member is not None:
            uses = dict(await _uses(tx, member, known))
            for each in over:
                if each.person in member.keys and each.campaign_id in uses:
                    uses[each.campaign_id] = uses[each.campaign_id].without(each.minor)
            standing = Standing(frozenset(member.keys), uses, rooms, stacking)
            facts = await _facts(tx, member, known, when.past)
        return self.priced(freed, basket, when, facts, standing)

    def priced(self, slips: tuple[Slip, ...], basket: Basket, when: When, facts: Facts, standing: Standing) -> Priced:
        """What they are worth together, by what is known of the person."""
        known = vouchers_of(slips)
        used = [standing.uses.get(each.campaign.id, Used()) for each in known]
        candidates = [
            Candidate(each, of.uses, standing.keys, of.minor, standing.rooms.get(each.campaign.id, ()))
            for each, of in zip(known, used, strict=True)
        ]
        policy = standing.stacking.policy(when.mode, self.max_vouchers)
        priced = quote(basket, candidates, when.now, facts, policy)
        if when.mode == "all" and len(known) < len(slips):
            # A code that is none spoils the whole: no code counts, but each of the others says how it stands.
            promotions = [each for each in candidates if each.campaign.is_automatic]
            priced = replace(quote(basket, promotions, when.now, facts, policy), rejected=priced.rejected)
        return Priced(basket, _placed(slips, priced), priced)

    async def pay(
        self,
        tx: ReadTx,
        priced: Priced,
        buyer: Buyer,
        wallet: str | None,
        points: int,
        now: datetime,
        promised: Rate | None = None,
    ) -> Pay | None:
        """What points could pay of what is left, and whether `points` can; None: the programme lets none pay.

        By the terms of now, or those that were `promised`.

        Raises:
            UnknownWallet, WalletNotPooled: the programme has no such wallet, or the household does not share it.
        """
        purse, rate = buyer.purse, promised
        terms = await self.programs.current(tx, now)
        if rate is None:
            rate = rate_of(terms, wallet, priced.basket.currency, among=None if purse is None else purse.pool.wallets)
        if rate is None:
            return None
        available = (await self.points.balance(tx, buyer.payer, rate.wallet)).available
        room = await self.points.room(tx, terms, buyer.payer, rate.wallet)
        may = None if room is None else room.left
        if purse is None:
            return paying(rate, priced.quote, available, points, may=may)
        left = await self.purses.left(tx, purse, rate.wallet)
        pay = paying(rate, priced.quote, available, points, left, may=may)
        return pay if pay.paid == NOTHING else pay._replace(paid=pay.paid._replace(pool=purse.pool.id))


def _placed(slips: tuple[Slip, ...], priced: Quote) -> tuple[Slip, ...]:
    """The codes as they were asked for, and after them the promotions that apply."""
    asked = [slip for slip in slips if slip.position != NOWHERE]
    if len(asked) == len(slips):
        return slips
    given = [each.voucher for each in priced.applied if each.voucher.campaign.is_automatic]
    return (*asked, *(Slip(number, each) for number, each in enumerate(given, len(asked) + 1)))


def vouchers_of(slips: Iterable[Slip]) -> list[Voucher]:
    """The vouchers that there are."""
    return [slip.voucher for slip in slips if slip.voucher is not None]


def counts_in_budgets(slips: Iterable[Slip]) -> bool:
    """Whether one of them has budgets of its own to look at."""
    return any(slip.voucher is not None and bool(slip.voucher.campaign.terms.budgets) for slip in slips)


def charges_of(applied: Applied, person: UUID | None) -> tuple[Charge, ...]:
    """Where it counts; what a customer takes stands under the raw key it was taken for."""
    charges = [room.charge for room in applied.rooms if room.charge is not None]
    return tuple(
        each._replace(who=customer(person)) if person is not None and each.who.startswith("c:") else each
        for each in charges
    )


def freed_rooms(
    rooms: Mapping[UUID, tuple[Room, ...]], over: Sequence[Overdue], member: Member | None
) -> Mapping[UUID, tuple[Room, ...]]:
    """What budgets have left once holds that have run out are ended."""
    mine = set() if member is None else {customer(key) for key in member.keys}

    def counted(room: Room, each: Overdue) -> bool:
        whos = mine if room.budget.by == "customer" else {room.charge.who} if room.charge else set()
        return any(
            room.charge is not None and charge[:2] == room.charge[:2] and charge.who in whos for charge in each.charges
        )

    freed = {}
    for campaign, several in rooms.items():
        of_campaign = [each for each in over if each.campaign_id == campaign]
        given = [[each.minor for each in of_campaign if counted(room, each)] for room in several]
        freed[campaign] = tuple(
            room._replace(uses=room.uses - len(back), minor=room.minor - sum(back))
            for room, back in zip(several, given, strict=True)
        )
    return freed


def refuse_repeated(codes: Sequence[str]) -> None:
    """Refuse two codes that are one, however they are written.

    Before anything is looked up: of two that are one it must not be told whether there is a voucher.

    Raises:
        RepeatedVoucher: two are.
    """
    seen: dict[str, int] = {}
    for number, code in enumerate(codes, 1):
        text = canonical(code)
        if seen.setdefault(text, number) != number:
            raise RepeatedVoucher((seen[text], number))


async def _uses(tx: ReadTx, member: Member, known: Sequence[Voucher]) -> dict[UUID, Used]:
    limited = {each.campaign.id for each in known if each.campaign.terms.limits_customers}
    return await counters.uses_of(tx, member.keys, limited) if limited else {}


async def _facts(tx: ReadTx, member: Member, known: Sequence[Voucher], past: datetime | None) -> Facts:
    """What is known of the person, as far as a rule asks."""
    if not asks_facts(known):
        return Facts(person=member.root)
    return facts_for(member, await facts_of(tx, member, at=past))


def asks_facts(known: Iterable[Voucher]) -> bool:
    """Whether a rule of these vouchers asks more of a person than who they are."""
    rules = (each.campaign.terms.rule for each in known)
    return any(rule is not None and asks_of_person(rule) for rule in rules)


def facts_for(member: Member, found: Audience) -> Facts:
    """What the audience knows of a person, as rules ask for it."""
    return Facts(
        person=member.root,
        segments=frozenset(map(str, found.segments)),
        tiers=found.tiers,
        ranks=found.tier_ranks,
        orders=found.orders_count,
    )


def _without(voucher: Voucher, over: Sequence[Overdue]) -> Voucher:
    campaign = voucher.campaign
    of_campaign = [each.minor for each in over if each.campaign_id == campaign.id]
    of_voucher = [each.minor for each in over if each.voucher_id == voucher.id]
    return replace(
        voucher,
        reserved=voucher.reserved - len(of_voucher),
        held_minor=voucher.held_minor - (sum(of_voucher) if voucher.value_minor is not None else 0),
        campaign=replace(
            campaign,
            reserved=campaign.reserved - len(of_campaign),
            reserved_minor=campaign.reserved_minor - sum(of_campaign),
        ),
    )


def shares_of(applied: Applied) -> tuple[Share, ...]:
    """On which lines a discount lies, and how much of it on shipping."""
    lines = tuple(Share(line, minor) for line, minor in applied.lines.items())
    return (*lines, Share(ORDER_LEVEL, applied.shipping_minor)) if applied.shipping_minor else lines


def rate_of(terms: Terms, wallet: str | None, currency: str, *, among: Collection[str] | None = None) -> Rate | None:
    """What the points of a wallet (none: the first that may pay, `among` some) are worth in a currency.

    Raises:
        UnknownWallet: the programme has no such wallet.
    """
    names = [wallet] if wallet is not None else sorted(terms.wallets if among is None else among)
    for name in names:
        for payment in terms.wallet(name).pays:
            if payment.currency == currency:
                return Rate(
                    name,
                    currency,
                    payment.points,
                    payment.minor,
                    payment.share_basis_points,
                    payment.minimum_points,
                )
    return None


def paying(
    rate: Rate, quoted: Quote, available: int, points: int, limit: int | None = None, *, may: int | None = None
) -> Pay:
    """What points could pay, and whether so many may; of a household a member may spend `limit` (None: all) today, and
    by the programme's terms `may`."""
    spendable = min(each for each in (available, limit, may) if each is not None)
    total = quoted.total_minor - quoted.discount_minor
    most = offer(rate, total_minor=total, due_minor=quoted.payable_minor, available=spendable)
    asked = fewest(rate, points)
    reason: str | None = None
    if points and points < rate.minimum_points:
        reason = "below_minimum"
    elif points > available:
        reason = "not_enough_points"
    elif limit is not None and points > limit:
        reason = "pool_limit"
    elif points > spendable:
        reason = "spending_limit"
    elif asked > most.points:
        reason = "above_share"
    elif points and asked == 0:
        reason = "worth_nothing"
    paid = NOTHING if reason or not asked else Paid(rate.wallet, asked, worth(rate, asked))
    return Pay(rate.wallet, spendable, rate.minimum_points, most, paid, reason)


def rejection(slip: Slip, quoted: Quote) -> tuple[str, Mapping[str, Any]] | None:
    """Why a voucher counts for nothing; None: it counts, or only its company keeps it from counting."""
    if slip.voucher is None:
        return Reason.UNKNOWN_CODE.value, {}
    for each in quoted.rejected:
        if each.voucher.id == slip.voucher.id:
            return each.reason.value, each.data
    return None
