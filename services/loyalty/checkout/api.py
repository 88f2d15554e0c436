"""Checkout over HTTP. Every write takes an Idempotency-Key; every refusal says why, and changed nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.loyalty.api import Checkout, Loyalty, Reader
from services.loyalty.checkout.errors import (
    AlreadyUsed,
    BadTtl,
    CommitExceeds,
    LimitReached,
    NotApplicable,
    NothingAsked,
    NothingLeft,
    OrderCancelled,
    OrderReserved,
    PointsRefused,
    QuoteLapsed,
    QuoteMismatch,
    QuoteUnknown,
    RedemptionUnknown,
    RepeatedVoucher,
    ReservationEnded,
    ReservationMismatch,
    ReservationUnknown,
    RollbackExceeds,
    SecretKeyNeeded,
    TooManyExtensions,
    UnknownLine,
    UnknownVoucher,
)
from services.loyalty.checkout.schemas import (
    CommitIn,
    ExtensionIn,
    PublicValidationIn,
    PublicValidationOut,
    RedemptionIn,
    RedemptionOut,
    ReservationIn,
    ReservationOut,
    RollbackIn,
    RollbackOut,
    ValidationIn,
    ValidationOut,
)
from services.loyalty.checkout.schemas.quotes import QuoteIn, QuoteOut
from services.loyalty.points.errors import NotEnoughPoints, SpendingLimit
from services.loyalty.pools.errors import NotInPool, PoolUnknown, RoleNeeded, WalletNotPooled
from services.loyalty.programs.errors import UnknownWallet
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.errors import Throttled
from services.loyalty.vouchers.errors import BadBasket, BadCustomer, PepperMissing
from shared.http.auth import Caller, caller_of, require
from shared.http.caller import WrongKeyKind
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    id_in,
    page_of,
)
from shared.http.problems import problems
from shared.http.schemas import ExternalId
from shared.ids import customer_key

router = APIRouter(prefix="/v1/loyalty", tags=["checkout"])


class WriteKey(require):
    """Lets in browsers too: their write key, from where it may be used."""

    async def __call__(self, request: Request) -> Caller:
        caller = await caller_of(request)
        if caller.kind != "write":
            return await super().__call__(request)
        if not caller.is_welcome_from(request.headers.get("origin")):
            raise WrongKeyKind
        return caller


Shop = Annotated[Caller, Depends(WriteKey("loyalty:checkout"))]
Of = Annotated[
    str | None,
    Query(min_length=1, max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`."),
]
OfOrder = Annotated[ExternalId | None, Query(description="The shop's id of an order.")]

_POOL = (PoolUnknown, NotInPool, RoleNeeded, WalletNotPooled)
_ASKED = (BadCustomer, BadBasket, RepeatedVoucher, UnknownWallet, PepperMissing, Throttled, *_POOL)
_QUOTED = (QuoteUnknown, QuoteLapsed, QuoteMismatch, PointsRefused)
_TAKEN = (
    *_ASKED,
    *_QUOTED,
    BadIdempotencyKey,
    NothingAsked,
    NotApplicable,
    NotEnoughPoints,
    SpendingLimit,
    LimitReached,
    AlreadyUsed,
    OrderCancelled,
)
_HELD = (BadIdempotencyKey, ReservationUnknown, ReservationEnded)


@router.post("/validations", responses=problems(*_ASKED, *_QUOTED))
async def validate(body: ValidationIn, caller: Checkout, loyalty: Loyalty) -> ValidationOut:
    """Say what vouchers and points are worth on a basket, or why not. Nothing is changed."""
    return await loyalty.checkout.validating.validate(_person(body.customer), body, by=caller.key_id)


@router.post(
    "/validations/anonymous",
    responses=problems(BadBasket, BadCustomer, RepeatedVoucher, PepperMissing, Throttled, SecretKeyNeeded),
)
async def validate_anonymously(
    body: PublicValidationIn, caller: Shop, loyalty: Loyalty, request: Request
) -> PublicValidationOut:
    """Say what codes are worth, to a browser: one and the same answer for every code that does not apply."""
    if body.customer is not None and not body.customer.startswith("anonymous_id:"):
        raise SecretKeyNeeded("a customer who is no visitor")
    who = Who(caller.key_id, _person(body.customer), None if request.client is None else request.client.host)
    return await loyalty.checkout.validating.validate_publicly(who, body)


@router.post(
    "/quotes",
    response_model=QuoteOut,
    status_code=201,
    responses=problems(BadCustomer, BadIdempotencyKey, BadTtl, UnknownWallet, PointsRefused),
)
async def quote(body: QuoteIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Say what points pay, and honour that until the quote lapses: name it as `quote` in a reservation or redemption.
    No points are held, and none are promised to be there."""
    person = _named(body.customer)
    return answer(await loyalty.checkout.promising.quote(person, body, by=caller.key_id, idem=idem))


@router.get("/quotes/{quote}", responses=problems(QuoteUnknown))
async def quoted(quote: UUID, caller: Checkout, loyalty: Loyalty) -> QuoteOut:
    """Get a quote of yours, and whether it has lapsed."""
    return await loyalty.checkout.promising.get(quote, by=caller.key_id)


@router.post(
    "/reservations",
    response_model=ReservationOut,
    status_code=201,
    responses=problems(*_TAKEN, BadTtl, OrderReserved),
)
async def reserve(body: ReservationIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Hold vouchers and points for a checkout: all of them, or nothing. With `pool` a household's points pay: what
    ends first first, within what the customer may spend of it on a day."""
    person = _named(body.customer)
    return answer(await loyalty.checkout.reserving.reserve(person, body, by=caller.key_id, idem=idem))


@router.get("/reservations", responses=problems(BadCursor, BadCustomer))
async def reservations(
    _: Reader,
    loyalty: Loyalty,
    customer: Of = None,
    order_id: OfOrder = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReservationOut]:
    """List reservations, of a customer or an order if named, the newest first."""
    found = await loyalty.checkout.reserving.page(
        person=_person(customer), order_id=order_id, before=id_in(cursor), limit=limit
    )
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/reservations/{reservation}", responses=problems(ReservationUnknown))
async def reservation(reservation: UUID, caller: Checkout, loyalty: Loyalty) -> ReservationOut:
    """Get a reservation of yours."""
    return await loyalty.checkout.reserving.get(reservation, by=caller.key_id)


@router.post(
    "/reservations/{reservation}/extend",
    response_model=ReservationOut,
    responses=problems(*_HELD, BadTtl, TooManyExtensions),
)
async def extend(
    reservation: UUID, body: ExtensionIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Hold it longer, from now on; three times at most."""
    held = loyalty.checkout.reserving
    return answer(await held.extend(reservation, body.ttl_seconds, by=caller.key_id, idem=idem))


@router.post(
    "/reservations/{reservation}/commit",
    response_model=RedemptionOut,
    status_code=201,
    responses=problems(*_TAKEN, *_HELD, ReservationMismatch, CommitExceeds, UnknownVoucher),
)
async def commit(
    reservation: UUID, body: CommitIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Use what is held, wholly or in part; what is not used is let go."""
    person = _person(body.customer)
    return answer(await loyalty.checkout.reserving.commit(reservation, person, body, by=caller.key_id, idem=idem))


@router.post("/reservations/{reservation}/void", response_model=ReservationOut, responses=problems(*_HELD))
async def void(reservation: UUID, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let go of all that is held."""
    return answer(await loyalty.checkout.reserving.void(reservation, by=caller.key_id, idem=idem))


@router.post("/redemptions", response_model=RedemptionOut, status_code=201, responses=problems(*_TAKEN))
async def redeem(body: RedemptionIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Use vouchers and points for an order in one step: all of them, or nothing."""
    person = _named(body.customer)
    return answer(await loyalty.checkout.redeeming.redeem(person, body, by=caller.key_id, idem=idem))


@router.get("/redemptions", responses=problems(BadCursor, BadCustomer))
async def redemptions(
    _: Reader,
    loyalty: Loyalty,
    customer: Of = None,
    order_id: OfOrder = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RedemptionOut]:
    """List redemptions, of a customer or an order if named, the newest first."""
    found = await loyalty.checkout.redeeming.page(
        person=_person(customer), order_id=order_id, before=id_in(cursor), limit=limit
    )
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/redemptions/{redemption}", responses=problems(RedemptionUnknown))
async def redemption(redemption: UUID, _: Reader, loyalty: Loyalty) -> RedemptionOut:
    """Get a redemption, and what of it still stands."""
    return await loyalty.checkout.redeeming.get(redemption)


@router.get("/redemptions/{redemption}/rollbacks", responses=problems(RedemptionUnknown))
async def rollbacks(redemption: UUID, _: Reader, loyalty: Loyalty) -> list[RollbackOut]:
    """List what was rolled back of a redemption, the first first."""
    return await loyalty.checkout.redeeming.rollbacks(redemption)


@router.post(
    "/redemptions/{redemption}/rollbacks",
    response_model=RollbackOut,
    status_code=201,
    responses={
        200: {"description": "This refund was rolled back before: what was done then.", "model": RollbackOut},
        **problems(BadIdempotencyKey, RedemptionUnknown, NothingLeft, RollbackExceeds, UnknownVoucher, UnknownLine),
    },
)
async def roll_back(
    redemption: UUID, body: RollbackIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Undo a redemption, wholly or by voucher, line, amount and points; no more than is left, and once per refund."""
    return answer(await loyalty.checkout.rolling_back.roll_back(redemption, body, by=caller.key_id, idem=idem))


def _named(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadCustomer from None


def _person(reference: str | None) -> UUID | None:
    return None if reference is None else _named(reference)
