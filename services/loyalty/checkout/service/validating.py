"""Validations: what a redemption would come to, without one. Nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.loyalty.checkout.domain.payment import Rate
from services.loyalty.checkout.errors import STRANGERS, QuoteMismatch
from services.loyalty.checkout.schemas import (
    AppliesOut,
    ChoiceOut,
    GivesOut,
    LineQuoteOut,
    LineShareOut,
    PromotionQuoteOut,
    PublicValidationIn,
    PublicValidationOut,
    ValidationIn,
    ValidationOut,
    VoucherQuoteOut,
)
from services.loyalty.checkout.service.asking import Look, look_of
from services.loyalty.checkout.service.knowing import Knowing, Knowledge, facts_by_person, facts_in
from services.loyalty.checkout.service.lanes import Lane
from services.loyalty.checkout.service.promising import promised
from services.loyalty.checkout.service.quoting import (
    Buyer,
    Pay,
    Priced,
    Quoting,
    Slip,
    Standing,
    When,
    paying,
    rate_of,
    rejection,
    shares_of,
    vouchers_of,
)
from services.loyalty.checkout.service.taking import points_out
from services.loyalty.promotions.service.rooms import asked_of
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.service import Guard
from services.loyalty.vouchers.domain.facts import Facts
from services.loyalty.vouchers.domain.stacking import Quote
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.errors import AppError
from shared.identity import members
from shared.identity.person import Member


@dataclass(frozen=True, slots=True)
class Validating:
    """Looks, and changes nothing."""

    db: Database
    clock: Clock
    quoting: Quoting
    knowing: Knowing
    guard: Guard
    lane: Lane[Look, ValidationOut]

    async def validate(self, person: UUID | None, body: ValidationIn, *, by: str) -> ValidationOut:
        """What the vouchers and points come to, with every reason. Counters and balances are always those of now.

        Raises:
            BadBasket, RepeatedVoucher: the request makes no sense.
            Throttled: too many codes have failed before.
            PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled: the customer may not spend of that household.
            TooManyAtOnce: come again.
        """
        look = look_of(body, person, by, When(body.as_of or self.clock.now(), body.mode, body.as_of))
        answer = None
        if look.pool is None and look.quote is None:
            answer = await self.lane.ask(look, self._look_together)
        if answer is None:
            answer = await self._look_alone(look)
        if strangers := sum(each.reason in STRANGERS for each in answer.vouchers):
            await self.guard.failed(look.who, strangers)
        return answer

    async def validate_publicly(self, who: Who, body: PublicValidationIn) -> PublicValidationOut:
        """What a browser may know: which codes apply, and nothing of why not, neither in words nor in time.

        Raises:
            BadBasket, RepeatedVoucher: the request makes no sense.
        """
        basket, when = body.basket.basket(), When(self.clock.now())
        async with self.guard.watch(who, is_paced=True) as watch:
            async with self.db.read() as tx:
                member = None if who.customer is None else await members.find(tx, who.customer)
                slips = await self.quoting.look_up(tx, body.vouchers)
                slips = await self.quoting.with_promotions(tx, slips, basket.order_id)
                answer = _public(await self.quoting.look(tx, slips, basket, member, when))
            watch.failures = sum(not each.applies for each in answer.vouchers)
        return answer

    async def _look_together(self, looks: Sequence[Look]) -> Sequence[ValidationOut | AppError | None]:
        """The answer to each; None: it must look alone."""
        async with self.db.glance() as tx:
            beside = await self.quoting.board.standing(tx)
            # A promotion that stands for an order already gives it nothing again: who names one looks alone.
            orders = {each.basket.order_id or "" for each in looks} if beside.promotions else set()
            known = await self.knowing.read(
                tx, [(each.who, each.codes) for each in looks], beside=beside, orders=orders - {""}
            )
            slips = [known.slips(each.codes) for each in looks]
            of = [known.member(each.who.customer) for each in looks]
            facts = await facts_by_person(
                tx,
                [(member, each) for member, each, look in zip(of, slips, looks, strict=True) if not look.when.past],
                None,
            )
            counted = [
                asked_of(vouchers_of(each), look.basket, member, look.when.now)
                for each, look, member in zip(slips, looks, of, strict=True)
            ]
            await known.read_budgets(tx, counted)
            rates, capped = await self._rates(tx, looks)
            balances = await self._balances(tx, of, rates)
        answers: list[ValidationOut | AppError | None] = []
        for look, mine, member, budgets, rate in zip(looks, slips, of, counted, rates, strict=True):
            try:
                standing = known.standing(mine, member, budgets)
                answers.append(self._answer(look, mine, member, known, standing, facts, rate, balances, capped))
            except AppError as refusal:
                answers.append(refusal)
        return answers

    def _answer(
        self,
        look: Look,
        slips: tuple[Slip, ...],
        member: Member | None,
        known: Knowledge,
        standing: Standing,
        facts: Mapping[UUID, Facts],
        rate: Rate | AppError | None,
        balances: Mapping[tuple[UUID, str], int],
        capped: frozenset[str],
    ) -> ValidationOut | None:
        if look.when.past or look.basket.order_id in known.known.settled:
            # By what was known then, or without what stands for the order.
            return None
        if look.codes:
            known.check(look.who)
        priced = self.quoting.priced(slips, look.basket, look.when, facts_in(facts, member), standing)
        if priced.scarce():
            # Something of it may be held by nobody any more.
            return None
        if isinstance(rate, AppError):
            raise rate
        pay = None
        if rate is not None and member is not None:
            if rate.wallet in capped:
                # What each has spent so far is asked for one by one.
                return None
            pay = paying(rate, priced.quote, balances[member.root, rate.wallet], look.points)
        return _out(priced, pay, asked_points=look.points, explain=look.explain)

    async def _rates(self, tx: ReadTx, looks: Sequence[Look]) -> tuple[list[Rate | AppError | None], frozenset[str]]:
        """At which rate points may pay each (None: they may not); and the wallets whose spending was ever capped."""
        if all(each.who.customer is None for each in looks):
            return [None] * len(looks), frozenset()
        timeline = await self.quoting.programs.timeline(tx)
        found: list[Rate | AppError | None] = []
        for each in looks:
            try:
                known = each.who.customer is not None
                found.append(rate_of(timeline.at(each.when.now), each.wallet, each.basket.currency) if known else None)
            except AppError as refusal:
                found.append(refusal)
        return found, timeline.capped

    async def _balances(
        self, tx: ReadTx, of: Sequence[Member | None], rates: Sequence[Rate | AppError | None]
    ) -> Mapping[tuple[UUID, str], int]:
        """What persons may pay with, by root and wallet."""
        asked: dict[str, list[Member]] = {}
        for member, rate in zip(of, rates, strict=True):
            if member is not None and isinstance(rate, Rate):
                asked.setdefault(rate.wallet, []).append(member)
        found = {}
        for wallet, persons in asked.items():
            for root, balance in (await self.quoting.points.balances_of(tx, persons, wallet)).items():
                found[root, wallet] = balance.available
        return found

    async def _look_alone(self, look: Look) -> ValidationOut:
        async with self.db.read() as tx:
            if look.codes:
                await self.guard.check_within(tx, look.who)
            person = look.who.customer
            member = None if person is None else await members.find(tx, person)
            slips = await self.quoting.look_up(tx, look.codes)
            slips = await self.quoting.with_promotions(tx, slips, look.basket.order_id)
            priced = await self.quoting.look(tx, slips, look.basket, member, look.when)
            pay, points = None, look.points
            if member is None and look.quote is not None:
                raise QuoteMismatch("customer")
            if member is not None:
                purse = None if look.pool is None else await self.quoting.purses.look(tx, look.pool, member.root)
                buyer = Buyer(member, purse)
                points, rate = await promised(
                    tx,
                    look.quote,
                    by=look.who.key_id,
                    member=member,
                    currency=look.basket.currency,
                    wallet=look.wallet,
                    points=points,
                )
                pay = await self.quoting.pay(tx, priced, buyer, look.wallet, points, look.when.now, rate)
        return _out(priced, pay, asked_points=points, explain=look.explain)


def _out(priced: Priced, pay: Pay | None, *, asked_points: int, explain: bool = False) -> ValidationOut:
    quoted, basket = priced.quote, priced.basket
    paid_points = 0 if pay is None else pay.paid.minor
    points_count = not asked_points or (pay is not None and pay.reason is None)
    return ValidationOut(
        applies=priced.is_whole and points_count,
        currency=quoted.currency,
        total_minor=quoted.total_minor,
        discount_minor=quoted.discount_minor,
        paid_minor=quoted.paid_minor + paid_points,
        payable_minor=quoted.payable_minor - paid_points,
        shipping_minor=quoted.shipping_minor,
        lines=[
            LineQuoteOut(
                id=line.id,
                total_minor=line.total_minor,
                discount_minor=line.total_minor - quoted.lines[line.id],
                payable_minor=quoted.lines[line.id],
            )
            for line in basket.lines
        ],
        vouchers=[_voucher(slip, priced) for slip in priced.codes],
        promotions=[*_given(priced), *(_passed(priced) if explain else ())],
        choice=_choice(quoted),
        points=None if pay is None else points_out(pay),
    )


def _voucher(slip: Slip, priced: Priced) -> VoucherQuoteOut:
    said = rejection(slip, priced.quote)
    if slip.voucher is None:
        return VoucherQuoteOut(position=slip.position, applies=False, reason="unknown_code")
    reason, data = (None, {}) if said is None else said
    applied = next((each for each in priced.quote.applied if each.voucher.id == slip.voucher.id), None)
    if reason is None and applied is None:
        reason = "others_do_not_apply"
    return VoucherQuoteOut(
        position=slip.position,
        applies=applied is not None,
        reason=reason,
        data=dict(data),
        discount_minor=0 if applied is None else applied.total_minor,
        short_minor=0 if applied is None else applied.short_minor,
        short_of=None if applied is None else applied.short_of,
        lines=[] if applied is None else [LineShareOut.of(share) for share in shares_of(applied)],
        is_payment=applied is not None and applied.is_payment,
        voucher_id=slip.voucher.id,
        campaign_id=slip.voucher.campaign.id,
        campaign=slip.voucher.campaign.name,
        last4=slip.voucher.last4,
    )


def _given(priced: Priced) -> list[PromotionQuoteOut]:
    """The promotions that apply."""
    places = {slip.voucher.id: slip.position for slip in priced.slips if slip.voucher is not None}
    return [
        PromotionQuoteOut(
            position=places[each.voucher.id],
            campaign_id=each.voucher.campaign.id,
            campaign=each.voucher.campaign.name,
            applies=True,
            discount_minor=each.total_minor,
            short_minor=each.short_minor,
            short_of=each.short_of,
            lines=[LineShareOut.of(share) for share in shares_of(each)],
        )
        for each in priced.quote.applied
        if each.voucher.campaign.is_automatic
    ]


def _passed(priced: Priced) -> list[PromotionQuoteOut]:
    """Those that do not, and why: of a rule every part, with what it saw."""
    return [
        PromotionQuoteOut(
            position=None,
            campaign_id=each.voucher.campaign.id,
            campaign=each.voucher.campaign.name,
            applies=False,
            reason=each.reason.value,
            data=dict(each.data),
        )
        for each in priced.quote.passed
    ]


def _choice(quoted: Quote) -> ChoiceOut | None:
    found = quoted.found
    if found is None or found.by != "best":
        return None
    return ChoiceOut(
        is_proved=found.is_proved, steps=found.steps, max_steps=found.max_steps, at_most_minor=found.at_most_minor
    )


def _public(priced: Priced) -> PublicValidationOut:
    quoted = priced.quote
    worth = {each.voucher.id: each.total_minor for each in quoted.applied}
    vouchers = []
    for slip in priced.codes:
        minor = None if slip.voucher is None else worth.get(slip.voucher.id)
        vouchers.append(
            AppliesOut(
                position=slip.position,
                applies=minor is not None,
                discount_minor=minor or 0,
                reason=None if minor is not None else "code_not_applicable",
            )
        )
    return PublicValidationOut(
        applies=priced.is_whole,
        currency=quoted.currency,
        total_minor=quoted.total_minor,
        discount_minor=quoted.discount_minor + quoted.paid_minor,
        payable_minor=quoted.payable_minor,
        vouchers=vouchers,
        promotions=[GivesOut(campaign=each.campaign, discount_minor=each.discount_minor) for each in _given(priced)],
    )
