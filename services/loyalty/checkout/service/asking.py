"""What shops ask for, read from their requests."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.schemas import RedemptionIn, ValidationIn
from services.loyalty.checkout.service.quoting import When, refuse_repeated
from services.loyalty.throttle.domain import Who
from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.stack import Mode
from shared.delivery.idempotency import Idempotent


class Asked(NamedTuple):
    """Who asks, for whom, for what basket, with which codes and points."""

    who: Who
    person: UUID
    basket: Basket
    codes: Sequence[str]
    wallet: str | None
    points: int
    mode: Mode = "all"
    pool: UUID | None = None
    quote: UUID | None = None

    @property
    def pays(self) -> bool:
        """Whether points are to pay."""
        return self.points > 0 or self.quote is not None


class Look(NamedTuple):
    """What it would come to; who is not named is a stranger."""

    who: Who
    basket: Basket
    codes: Sequence[str]
    wallet: str | None
    points: int
    when: When
    explain: bool = False
    pool: UUID | None = None
    quote: UUID | None = None


class Take(NamedTuple):
    """A redemption by the key `by`."""

    asked: Asked
    by: str
    idem: Idempotent | None


def asked_of(body: RedemptionIn, person: UUID, by: str) -> Asked:
    """The request of the key `by`, read.

    Raises:
        BadBasket: the basket cannot be one.
        RepeatedVoucher: two codes are one.
    """
    basket = body.basket.basket()
    refuse_repeated(body.vouchers)
    who = Who(by, person, body.address)
    return Asked(who, person, basket, body.vouchers, body.wallet, body.points, body.mode, body.pool, body.quote)


def look_of(body: ValidationIn, person: UUID | None, by: str, when: When) -> Look:
    """The same for one who only looks."""
    basket = body.basket.basket()
    refuse_repeated(body.vouchers)
    return Look(
        Who(by, person, body.address),
        basket,
        body.vouchers,
        body.wallet,
        body.points,
        when,
        body.explain,
        body.pool,
        body.quote,
    )
