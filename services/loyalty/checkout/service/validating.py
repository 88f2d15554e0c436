"""Validations: what a redemption would come to, without one. Nothing is changed."""

from dataclasses import dataclass
from uuid import UUID

from services.loyalty.checkout.errors import STRANGERS
from services.loyalty.checkout.schemas import (
    AppliesOut,
    LineQuoteOut,
    LineShareOut,
    PublicValidationIn,
    PublicValidationOut,
    ValidationIn,
    ValidationOut,
    VoucherQuoteOut,
)
from services.loyalty.checkout.service.quoting import Pay, Priced, Quoting, Slip, When, rejection, shares_of
from services.loyalty.checkout.service.taking import points_out
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.service import Guard
from shared.clock import Clock
from shared.db.engine import Database
from shared.identity import members


@dataclass(frozen=True, slots=True)
class Validating:
    """Looks, and changes nothing: the database holds it to that."""

    db: Database
    clock: Clock
    quoting: Quoting
    guard: Guard

    async def validate(self, person: UUID | None, body: ValidationIn, *, by: str) -> ValidationOut:
        """What the vouchers and points come to, with every reason. Counters and balances are always those of now.

        Raises:
            BadBasket, RepeatedVoucher: the request makes no sense.
            Throttled: too many codes have failed before.
        """
        who = Who(by, person, body.address)
        priced, pay = await self._priced(who, person, body)
        answer = _out(priced, pay, asked_points=body.points)
        if strangers := sum(each.reason in STRANGERS for each in answer.vouchers):
            await self.guard.failed(who, strangers)
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
                answer = _public(await self.quoting.look(tx, slips, basket, member, when))
            watch.failures = sum(not each.applies for each in answer.vouchers)
        return answer

    async def _priced(self, who: Who, person: UUID | None, body: ValidationIn) -> tuple[Priced, Pay | None]:
        basket = body.basket.basket()
        when = When(body.as_of or self.clock.now(), body.mode, body.as_of)
        async with self.db.read() as tx:
            if body.vouchers:
                await self.guard.check_within(tx, who)
            member = None if person is None else await members.find(tx, person)
            slips = await self.quoting.look_up(tx, body.vouchers)
            priced = await self.quoting.look(tx, slips, basket, member, when)
            pay = None
            if member is not None:
                pay = await self.quoting.pay(tx, priced, member, body.wallet, body.points, when.now)
        return priced, pay


def _out(priced: Priced, pay: Pay | None, *, asked_points: int) -> ValidationOut:
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
        vouchers=[_voucher(slip, priced) for slip in priced.slips],
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
        lines=[] if applied is None else [LineShareOut.of(share) for share in shares_of(applied)],
        is_payment=applied is not None and applied.is_payment,
        voucher_id=slip.voucher.id,
        campaign_id=slip.voucher.campaign.id,
        campaign=slip.voucher.campaign.name,
        last4=slip.voucher.last4,
    )


def _public(priced: Priced) -> PublicValidationOut:
    quoted = priced.quote
    worth = {each.voucher.id: each.total_minor for each in quoted.applied}
    vouchers = []
    for slip in priced.slips:
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
    )
