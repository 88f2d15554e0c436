"""Wire models of checkout. Amounts are minor units of the basket's currency; codes come in and never go out."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.reservation import Reservation, State, state_at
from services.loyalty.checkout.domain.rollback import Part, Redeemed, Rollback
from services.loyalty.checkout.domain.shares import Share
from services.loyalty.vouchers.domain.basket import Basket, Line
from services.loyalty.vouchers.domain.stack import Mode
from services.loyalty.vouchers.domain.stacking import MAX_VOUCHERS
from services.loyalty.vouchers.schemas.baskets import BasketIn
from shared.http.schemas import BigInt, ExternalId, Instant, Strict

MAX_CODE = 100
MAX_PARTS = 1_000
# Promotions come after the codes.
MAX_POSITION = 2 * MAX_VOUCHERS

Code = Annotated[str, Field(min_length=1, max_length=MAX_CODE, description="The code, as the customer typed it.")]
Codes = Annotated[list[Code], Field(max_length=MAX_VOUCHERS)]
Amount = Annotated[BigInt, Field(ge=0)]
Customer = Annotated[
    str, Field(min_length=1, max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]
Address = Annotated[
    str | None,
    Field(max_length=100, description="The customer's IP address, to throttle who tries codes; it is not kept."),
]
Wallet = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Pool = Annotated[
    UUID | None,
    Field(description="The household pool whose points pay; the customer is in it, and may spend of it."),
]
Quoted = Annotated[
    UUID | None,
    Field(description="A quote of points: they pay by its terms, all that it names where `points` names none."),
]
Ttl = Annotated[int, Field(strict=True, ge=1, le=604_800, description="Seconds to hold; none: as the firm set it.")]


Application = Annotated[
    Mode, Field(description="`all`: no code counts unless every one does; `partial`: those count that can.")
]


class PublicValidationIn(Strict):
    """What codes would be worth to a visitor."""

    basket: BasketIn
    vouchers: Annotated[list[Code], Field(max_length=5, description="None: what promotions give.")] = Field([])
    customer: Annotated[Customer | None, Field(description="`anonymous_id:<value>`, no other.")] = None


class ValidationIn(Strict):
    """What vouchers and points would be worth."""

    basket: BasketIn
    vouchers: Codes = Field([])
    customer: Customer | None = None
    address: Address = None
    wallet: Wallet | None = None
    points: Annotated[Amount, Field(description="Points to pay with; none: only what they could pay is said.")] = 0
    pool: Pool = None
    quote: Quoted = None
    mode: Application = "all"
    explain: Annotated[bool, Field(description="Say of every promotion that does not apply why not.")] = False
    as_of: Annotated[Instant | None, Field(description="Judge as if it were then; with a secret key.")] = None


class RedemptionIn(Strict):
    """Take vouchers and points for an order, all of them or nothing; promotions that apply are taken with them."""

    customer: Customer
    basket: BasketIn
    vouchers: Codes = Field([])
    address: Address = None
    wallet: Wallet | None = None
    points: Amount = 0
    pool: Pool = None
    quote: Quoted = None
    mode: Application = "all"


class ReservationIn(RedemptionIn):
    """Hold vouchers and points for a checkout, all of them or nothing; promotions that apply are held with them."""

    ttl_seconds: Ttl | None = None
    replace: Annotated[bool, Field(description="Void what this order holds already, and hold this in its place.")] = (
        False
    )


class ExtensionIn(Strict):
    """Hold longer, from now on."""

    ttl_seconds: Ttl | None = None


class CommittedVoucherIn(Strict):
    """How much of a held voucher is used; none: all that is held."""

    position: Annotated[int, Field(strict=True, ge=1, le=MAX_POSITION)]
    discount_minor: Amount | None = None


class CommitIn(Strict):
    """Use what is held, or a part of it: what is not named is let go."""

    customer: Customer | None = None
    order_id: ExternalId | None = None
    vouchers: Annotated[
        list[CommittedVoucherIn] | None, Field(max_length=MAX_POSITION, description="None: all that is held.")
    ] = None
    points: Annotated[Amount | None, Field(description="None: all that are held.")] = None
    reacquire: Annotated[
        bool, Field(description="If it has expired: take the same again, if all of it is still there.")
    ] = False


class PartIn(Strict):
    """What is taken back: of one voucher or of all, on one line or on all, so much or all that is left."""

    voucher: Annotated[int | None, Field(strict=True, ge=1, le=MAX_POSITION, description="Its position.")] = None
    line: Annotated[ExternalId | None, Field(description="The id of a line of the basket.")] = None
    amount_minor: Annotated[BigInt | None, Field(ge=1)] = None

    def part(self) -> Part:
        """As the rules read it."""
        return Part(self.voucher, self.line, self.amount_minor)


class RollbackIn(Strict):
    """Undo a redemption: all that is left of it, or the parts and points that are named."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    refund_id: Annotated[
        ExternalId | None, Field(description="Of one redemption a refund rolls back once, for ever.")
    ] = None
    parts: Annotated[list[PartIn] | None, Field(max_length=MAX_PARTS)] = None
    points: Amount | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is named."""
        return self.parts is None and self.points is None


class LineShareOut(BaseModel):
    """A part of a discount; `line` null is shipping."""

    line: str | None
    discount_minor: int
    rolled_back_minor: int = 0

    @classmethod
    def of(cls, share: Share) -> "LineShareOut":
        return cls(line=share.line, discount_minor=share.minor, rolled_back_minor=share.back)


class VoucherQuoteOut(BaseModel):
    """What one voucher is worth, or why it counts for nothing. `position` counts from 1, as they were asked."""

    position: int
    applies: bool
    reason: str | None = None
    data: dict[str, Any] = {}
    discount_minor: int = 0
    short_minor: int = Field(0, description="How much more it would be, had `short_of` (a budget) that much left.")
    short_of: str | None = None
    lines: list[LineShareOut] = []
    is_payment: bool = False
    voucher_id: UUID | None = None
    campaign_id: UUID | None = None
    campaign: str | None = None
    last4: str | None = None


class LineQuoteOut(BaseModel):
    """A line before and after."""

    id: str
    total_minor: int
    discount_minor: int
    payable_minor: int


class PromotionQuoteOut(BaseModel):
    """What a promotion gives without a code, or why it gives nothing; its position comes after those of the codes."""

    position: int | None
    campaign_id: UUID
    campaign: str
    applies: bool
    reason: str | None = None
    data: dict[str, Any] = {}
    discount_minor: int = 0
    short_minor: int = 0
    short_of: str | None = None
    lines: list[LineShareOut] = []


class ChoiceOut(BaseModel):
    """How the best combination was found. Unless it `is_proved` that none is better, another one may take off up to
    `at_most_minor`: the search ends after `max_steps`."""

    is_proved: bool
    steps: int
    max_steps: int
    at_most_minor: int


class SkippedOut(BaseModel):
    """A code that does not count, though others do; `position` counts from 1, as they were asked."""

    position: int
    reason: str
    data: dict[str, Any] = {}


class PointsQuoteOut(BaseModel):
    """What points could pay (`max_…`), and what was asked. `reason` says why they could not, or not so many."""

    wallet: str
    available: int
    max_points: int
    max_minor: int
    minimum_points: int
    points: int
    minor: int
    reason: str | None = None


class ValidationOut(BaseModel):
    """What is to pay. Gift cards and points pay; everything else makes cheaper."""

    applies: bool
    currency: str
    total_minor: int
    discount_minor: int
    paid_minor: int
    payable_minor: int
    shipping_minor: int
    lines: list[LineQuoteOut]
    vouchers: list[VoucherQuoteOut]
    promotions: list[PromotionQuoteOut] = []
    choice: ChoiceOut | None = Field(None, description="Where the firm wants the best combination.")
    points: PointsQuoteOut | None = None


class AppliesOut(BaseModel):
    """What a browser learns of a voucher."""

    position: int
    applies: bool
    discount_minor: int
    reason: Literal["code_not_applicable"] | None = None


class GivesOut(BaseModel):
    """What a browser learns of a promotion: only of those that apply."""

    campaign: str
    discount_minor: int


class PublicValidationOut(BaseModel):
    """What a browser learns: whether all apply, and what is to pay then."""

    applies: bool
    currency: str
    total_minor: int
    discount_minor: int
    payable_minor: int
    vouchers: list[AppliesOut]
    promotions: list[GivesOut] = []


class HeldVoucherOut(BaseModel):
    """A voucher that a reservation holds."""

    position: int
    voucher_id: UUID
    campaign_id: UUID
    is_promotion: bool = Field(description="Nobody asked for it: it applies without a code.")
    discount_minor: int
    short_minor: int = Field(description="How much more it would be, had a budget had that much left.")
    lines: list[LineShareOut]


class ReservationOut(BaseModel):
    """What is held, and until when."""

    id: UUID
    state: State
    customer: UUID
    order_id: str | None
    currency: str
    total_minor: int
    discount_minor: int
    payable_minor: int
    vouchers: list[HeldVoucherOut]
    wallet: str | None
    points: int
    points_minor: int
    pool: UUID | None = Field(description="The household pool that paid the points.")
    extensions: int
    created_at: Instant
    expires_at: Instant
    ended_at: Instant | None
    redemption_id: UUID | None = None
    skipped: list[SkippedOut] = Field([], description="Codes that do not count; in the answer to the request alone.")

    @classmethod
    def of(
        cls, held: Reservation, now: Any, redemption_id: UUID | None = None, skipped: Sequence[SkippedOut] = ()
    ) -> "ReservationOut":
        """The reservation as it is at `now`."""
        state = state_at(held, now)
        return cls(
            id=held.id,
            state=state,
            customer=held.person,
            order_id=held.order_id,
            currency=held.currency,
            total_minor=held.total_minor,
            discount_minor=held.discount_minor,
            payable_minor=held.total_minor - held.discount_minor - held.paid.minor,
            vouchers=[
                HeldVoucherOut(
                    position=each.position,
                    voucher_id=each.voucher_id,
                    campaign_id=each.campaign_id,
                    is_promotion=each.is_promotion,
                    discount_minor=each.minor,
                    short_minor=each.short_minor,
                    lines=[LineShareOut.of(share) for share in each.shares],
                )
                for each in held.holds
            ],
            wallet=held.paid.wallet,
            points=held.paid.points,
            points_minor=held.paid.minor,
            pool=held.paid.pool,
            extensions=held.extensions,
            created_at=held.created_at,
            expires_at=held.expires_at,
            # Nobody has swept it yet: it ended when its time was over.
            ended_at=held.expires_at if held.state != state else held.ended_at,
            redemption_id=redemption_id,
            skipped=list(skipped),
        )


class RedeemedVoucherOut(BaseModel):
    """A voucher that was redeemed, and what of it was rolled back."""

    position: int
    voucher_id: UUID
    campaign_id: UUID
    is_promotion: bool = Field(description="Nobody asked for it: it applied without a code.")
    discount_minor: int
    short_minor: int = Field(description="How much more it would have been, had a budget had that much left.")
    rolled_back_minor: int
    is_rolled_back: bool
    use_returned: bool
    lines: list[LineShareOut]

    @classmethod
    def of(cls, each: Redeemed) -> "RedeemedVoucherOut":
        return cls(
            position=each.position,
            voucher_id=each.voucher_id,
            campaign_id=each.campaign_id,
            is_promotion=each.is_promotion,
            discount_minor=each.minor,
            short_minor=each.short_minor,
            rolled_back_minor=each.back_minor,
            is_rolled_back=each.is_rolled_back,
            use_returned=each.use_returned,
            lines=[LineShareOut.of(share) for share in each.shares],
        )


class RedemptionOut(BaseModel):
    """What was taken for an order, and what still stands."""

    id: UUID
    state: Literal["redeemed", "partly_rolled_back", "rolled_back"]
    customer: UUID
    order_id: str | None
    reservation_id: UUID | None
    currency: str
    total_minor: int
    discount_minor: int
    payable_minor: int
    vouchers: list[RedeemedVoucherOut]
    wallet: str | None
    points: int
    points_minor: int
    pool: UUID | None = Field(description="The household pool that paid the points.")
    points_rolled_back: int
    created_at: Instant
    skipped: list[SkippedOut] = Field([], description="Codes that do not count; in the answer to the request alone.")

    @classmethod
    def of(cls, redemption: Redemption, skipped: Sequence[SkippedOut] = ()) -> "RedemptionOut":
        """As it stands."""
        return cls(
            id=redemption.id,
            state=redemption.standing,
            customer=redemption.person,
            order_id=redemption.order_id,
            reservation_id=redemption.reservation_id,
            currency=redemption.currency,
            total_minor=redemption.total_minor,
            discount_minor=redemption.discount_minor,
            payable_minor=redemption.payable_minor,
            vouchers=[RedeemedVoucherOut.of(each) for each in redemption.vouchers],
            wallet=redemption.paid.wallet,
            points=redemption.paid.points,
            points_minor=redemption.paid.minor,
            pool=redemption.paid.pool,
            points_rolled_back=redemption.points_back,
            created_at=redemption.created_at,
            skipped=list(skipped),
        )


class RolledBackVoucherOut(BaseModel):
    """What one voucher lost in a roll-back."""

    position: int
    discount_minor: int
    is_whole: bool


class RollbackOut(BaseModel):
    """What was taken back at one time."""

    id: UUID
    redemption_id: UUID
    refund_id: str | None
    reason: str
    discount_minor: int
    vouchers: list[RolledBackVoucherOut]
    points: int
    points_minor: int
    is_whole: bool
    created_at: Instant

    @classmethod
    def of(cls, rollback: Rollback) -> "RollbackOut":
        """As it was stored."""
        return cls(
            id=rollback.id,
            redemption_id=rollback.redemption_id,
            refund_id=rollback.refund_id,
            reason=rollback.reason,
            discount_minor=rollback.discount_minor,
            vouchers=[
                RolledBackVoucherOut(position=each.position, discount_minor=each.minor, is_whole=each.is_whole)
                for each in rollback.returned
            ],
            points=rollback.points,
            points_minor=rollback.points_minor,
            is_whole=rollback.is_whole,
            created_at=rollback.created_at,
        )


def basket_document(basket: Basket) -> Mapping[str, Any]:
    """A basket as JSON, to be kept with a reservation."""
    lines: Sequence[Any] = [list(line) for line in basket.lines]
    return {
        "currency": basket.currency,
        "lines": lines,
        "shipping_minor": basket.shipping_minor,
        "order_id": basket.order_id,
        "channel": basket.channel,
        "metadata": dict(basket.metadata),
        "store_id": basket.store_id,
    }


def basket_of(document: Mapping[str, Any]) -> Basket:
    """The inverse of `basket_document`."""
    lines = tuple(Line._make((*line, tuple(categories))) for *line, categories in document["lines"])
    return Basket(**{**document, "lines": lines})
