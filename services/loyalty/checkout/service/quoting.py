"""What vouchers and points are worth on a basket, to whom, and when. Reads alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.audience.service import facts_of
from services.loyalty.checkout.domain.payment import Offer, Rate, fewest, offer, worth
from services.loyalty.checkout.domain.reservation import NOTHING, Hold, Paid
from services.loyalty.checkout.domain.shares import ORDER_LEVEL, Share
from services.loyalty.checkout.errors import RepeatedVoucher
from services.loyalty.checkout.repository import counters
from services.loyalty.checkout.repository.counters import Overdue, Used
from services.loyalty.points.service import Points
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.service import Programs
from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.codes import canonical
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.stacking import Applied, Candidate, Policy, Quote, quote
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


class Slip(NamedTuple):
    """One voucher as it was asked for; `voucher` None: there is no such code."""

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

    def holds(self) -> tuple[Hold, ...]:
        """What each of them takes, with its position."""
        places = {slip.voucher.id: slip.position for slip in self.slips if slip.voucher is not None}
        made = [
            Hold(places[each.voucher.id], each.voucher.campaign.id, each.voucher.id, each.total_minor, shares_of(each))
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


class When(NamedTuple):
    """At which moment, and whether all count or none. `past`: by what was known of the customer then."""

    now: datetime
    mode: Literal["all", "partial"] = "all"
    past: datetime | None = None


class Standing(NamedTuple):
    """What a person has used before, under any of their keys."""

    keys: frozenset[UUID] = frozenset()
    uses: Mapping[UUID, Used] = {}


@dataclass(frozen=True, slots=True)
class Quoting:
    """Prices baskets."""

    vouchers: Vouchers
    programs: Programs
    points: Points
    max_vouchers: int

    async def look_up(self, tx: ReadTx, codes: Sequence[str]) -> tuple[Slip, ...]:
        """The vouchers of these codes.

        Raises:
            RepeatedVoucher: two codes are one, however they are written.
        """
        # Before anything is looked up: of two that are one it must not be told whether there is a voucher.
        seen: dict[str, int] = {}
        for number, code in enumerate(codes, 1):
            if seen.setdefault(canonical(code), number) != number:
                raise RepeatedVoucher((seen[canonical(code)], number))
        found = (await self.vouchers.find(tx, codes)).vouchers if codes else {}
        return tuple(Slip(number, found.get(code)) for number, code in enumerate(codes, 1))

    async def price(
        self, tx: ReadTx, slips: tuple[Slip, ...], basket: Basket, member: Member | None, when: When
    ) -> Priced:
        """What they are worth together."""
        known = [slip.voucher for slip in slips if slip.voucher is not None]
        uses: Mapping[UUID, Used] = {}
        facts, keys = STRANGER, frozenset[UUID]()
        if member is not None and known:
            keys = frozenset(member.keys)
            uses = await _uses(tx, member, known)
            facts = await _facts(tx, member, known, when.past)
        return self._priced(slips, basket, when, facts, Standing(keys, uses))

    async def look(
        self, tx: ReadTx, slips: tuple[Slip, ...], basket: Basket, member: Member | None, when: When
    ) -> Priced:
        """The same, as if every hold that has run out had been ended: so a look says what a try would do."""
        priced = await self.price(tx, slips, basket, member, when)
        over = await counters.overdue(tx, priced.scarce()) if priced.scarce() else []
        if not over:
            return priced
        freed = tuple(slip._replace(voucher=slip.voucher and _without(slip.voucher, over)) for slip in slips)
        known = [slip.voucher for slip in freed if slip.voucher is not None]
        standing, facts = Standing(), STRANGER
        if member is not None:
            uses = dict(await _uses(tx, member, known))
            for each in over:
                if each.person in member.keys and each.campaign_id in uses:
                    uses[each.campaign_id] = uses[each.campaign_id].without(each.minor)
            standing, facts = Standing(frozenset(member.keys), uses), await _facts(tx, member, known, when.past)
        return self._priced(freed, basket, when, facts, standing)

    def _priced(self, slips: tuple[Slip, ...], basket: Basket, when: When, facts: Facts, standing: Standing) -> Priced:
        known = [slip.voucher for slip in slips if slip.voucher is not None]
        used = [standing.uses.get(each.campaign.id, Used()) for each in known]
        candidates = [Candidate(each, of.uses, standing.keys, of.minor) for each, of in zip(known, used, strict=True)]
        priced = quote(basket, candidates, when.now, facts, Policy(when.mode, self.max_vouchers))
        if when.mode == "all" and len(known) < len(slips):
            # A code that is none spoils the whole: nothing counts, but each of the others says how it stands.
            priced = replace(quote(basket, (), when.now), rejected=priced.rejected)
        return Priced(basket, slips, priced)

    async def pay(
        self, tx: ReadTx, priced: Priced, member: Member, wallet: str | None, points: int, now: datetime
    ) -> Pay | None:
        """What points could pay of what is left, and whether `points` can; None: the programme lets none pay.

        Raises:
            UnknownWallet: the programme has no such wallet.
        """
        terms = await self.programs.current(tx, now)
        rate = rate_of(terms, wallet, priced.basket.currency)
        if rate is None:
            return None
        available = (await self.points.balance(tx, member, rate.wallet)).available
        return paying(rate, priced.quote, available, points)


async def _uses(tx: ReadTx, member: Member, known: Sequence[Voucher]) -> dict[UUID, Used]:
    limited = {each.campaign.id for each in known if each.campaign.terms.limits_customers}
    return await counters.uses_of(tx, member.keys, limited) if limited else {}


async def _facts(tx: ReadTx, member: Member, known: Sequence[Voucher], past: datetime | None) -> Facts:
    """What is known of the person, as far as a rule asks."""
    if all(each.campaign.terms.rule is None for each in known):
        return Facts(person=member.root)
    found = await facts_of(tx, member, at=past)
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


def rate_of(terms: Terms, wallet: str | None, currency: str) -> Rate | None:
    """What the points of a wallet (none: the first that may pay) are worth in a currency.

    Raises:
        UnknownWallet: the programme has no such wallet.
    """
    names = [wallet] if wallet is not None else sorted(terms.wallets)
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


def paying(rate: Rate, quoted: Quote, available: int, points: int) -> Pay:
    """What points could pay, and whether so many may."""
    total = quoted.total_minor - quoted.discount_minor
    most = offer(rate, total_minor=total, due_minor=quoted.payable_minor, available=available)
    asked = fewest(rate, points)
    reason: str | None = None
    if points and points < rate.minimum_points:
        reason = "below_minimum"
    elif points > available:
        reason = "not_enough_points"
    elif asked > most.points:
        reason = "above_share"
    elif points and asked == 0:
        reason = "worth_nothing"
    paid = NOTHING if reason or not asked else Paid(rate.wallet, asked, worth(rate, asked))
    return Pay(rate.wallet, available, rate.minimum_points, most, paid, reason)


def rejection(slip: Slip, quoted: Quote) -> tuple[str, Mapping[str, Any]] | None:
    """Why a voucher counts for nothing; None: it counts, or only its company keeps it from counting."""
    if slip.voucher is None:
        return Reason.UNKNOWN_CODE.value, {}
    for each in quoted.rejected:
        if each.voucher.id == slip.voucher.id:
            return each.reason.value, each.data
    return None
