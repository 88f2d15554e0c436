"""Wire models of rewards and purchases."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.loyalty.rewards.domain import Eligibility, Kind, Obstacle, Purchase, PurchaseState, Reward, RewardState
from shared.http.schemas import ExternalId, Instant, Strict
from shared.money import MAX_MINOR

MAX_POINTS = 1_000_000_000
MAX_QUANTITY = 100
MAX_STOCK = 1_000_000_000


class TierPriceIn(Strict):
    """What it costs those who hold a level of a track."""

    track: str = Field(min_length=1, max_length=40, examples=["main"])
    level: str = Field(min_length=1, max_length=40, examples=["gold"])
    points: int = Field(strict=True, ge=0, le=MAX_POINTS)


class GivesIn(Strict):
    """What is handed over at once: a voucher of a campaign (a gift card with a value), or points of a wallet."""

    campaign: UUID | None = None
    value_minor: int | None = Field(None, strict=True, ge=1, le=MAX_MINOR)
    wallet: str | None = Field(None, min_length=1, max_length=40)
    points: int | None = Field(None, strict=True, ge=1, le=MAX_POINTS)


class TermsIn(Strict):
    """What a reward costs, and who may have it how often."""

    wallet: str = Field("points", min_length=1, max_length=40, description="The wallet it is paid from.")
    points: int | None = Field(None, strict=True, ge=0, le=MAX_POINTS, description="null: only for levels in `prices`.")
    prices: list[TierPriceIn] = Field([], max_length=50, description="Of several that fit the least holds.")
    segments: list[UUID] = Field([], max_length=50, description="Only for those in one of these segments.")
    max_per_person: int | None = Field(None, strict=True, ge=1, le=1_000_000)
    limit_days: int | None = Field(None, strict=True, ge=1, le=3_650, description="Of the limit; null: for ever.")
    gives: GivesIn | None = Field(None, description="Of a voucher, gift credit or points.")
    happens_at: Instant | None = Field(None, description="Of an event: when it begins. Until then places are bought.")

    @model_validator(mode="after")
    def _has_a_price(self) -> "TermsIn":
        if self.points is None and not self.prices:
            raise PydanticCustomError("no_price", "A reward has a price")
        if self.limit_days is not None and self.max_per_person is None:
            raise PydanticCustomError("no_limit", "A time of a limit needs the limit")
        return self

    @field_validator("prices")
    @classmethod
    def _are_distinct(cls, value: list[TierPriceIn]) -> list[TierPriceIn]:
        if len({(each.track, each.level) for each in value}) < len(value):
            raise PydanticCustomError("twice", "A level is named twice")
        return value


class RewardIn(TermsIn):
    """A reward."""

    name: ExternalId = Field(examples=["Túi vải Tâm"])
    kind: Kind
    state: RewardState = "active"
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    stock: int | None = Field(None, strict=True, ge=0, le=MAX_STOCK, description="null: as many as are wanted.")

    @model_validator(mode="after")
    def _gives_what_it_is(self) -> "RewardIn":
        gives = self.gives or GivesIn()
        needed: Mapping[str, tuple[bool, bool, bool]] = {
            "voucher": (True, False, False),
            "gift_credit": (True, True, False),
            "points": (False, False, True),
        }
        said = (gives.campaign is not None, gives.value_minor is not None, gives.points is not None)
        if said != needed.get(self.kind, (False, False, False)) or (gives.wallet is None) == said[2]:
            raise PydanticCustomError(
                "gives",
                "A voucher gives a campaign, gift credit a campaign and value_minor, points a wallet and points; "
                "others give nothing by themselves",
            )
        if (self.kind == "event") != (self.happens_at is not None):
            raise PydanticCustomError("happens_at", "An event, and nothing else, says when it happens")
        if self.happens_at and self.starts_at and self.happens_at <= self.starts_at:
            raise PydanticCustomError("times", "An event happens after its places can be bought")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise PydanticCustomError("times", "A reward ends after it starts")
        return self


class RewardChangeIn(RewardIn):
    """What a reward shall be, if it is still of the version that was read."""

    version: int = Field(strict=True, ge=1, le=2**31 - 2)


class StockIn(Strict):
    """Units that came in, or (negative) went another way."""

    units: int = Field(strict=True, ge=-MAX_STOCK, le=MAX_STOCK)


class PurchaseIn(Strict):
    """Who wants how many."""

    customer: str = Field(
        min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>."
    )
    quantity: int = Field(1, strict=True, ge=1, le=MAX_QUANTITY)
    reference: ExternalId | None = Field(None, description="Of your own, such as an order.")
    pool: UUID | None = Field(
        None, description="The household pool whose points pay; the customer is in it, and may spend of it."
    )


class NoteIn(Strict):
    """How it was handed over, or why it was cancelled. No personal data."""

    note: str | None = Field(None, max_length=500)


class ObstacleOut(BaseModel):
    """Something that is in the way."""

    model_config = {"extra": "allow"}

    reason: Obstacle


class EligibilityOut(BaseModel):
    """Whether a customer may have a reward."""

    is_eligible: bool
    points: int | None = Field(description="What it would cost; null: they cannot have it.")
    reasons: list[ObstacleOut]

    @classmethod
    def of(cls, found: Eligibility) -> "EligibilityOut":
        """As it goes out."""
        reasons = [ObstacleOut.model_validate(each) for each in found.obstacles]
        return cls(is_eligible=not reasons, points=found.points, reasons=reasons)


class RewardOut(BaseModel):
    """A reward."""

    id: UUID
    name: str
    kind: Kind
    state: RewardState
    terms: dict[str, Any]
    starts_at: Instant | None
    ends_at: Instant | None
    stock: int | None
    taken: int
    remaining: int | None
    version: int
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str
    eligibility: EligibilityOut | None = Field(None, description="Of the customer that was asked for.")

    @classmethod
    def of(cls, reward: Reward, found: Eligibility | None = None) -> "RewardOut":
        """As it goes out."""
        fields = reward._asdict()
        fields["terms"] = fields.pop("document")
        eligibility = None if found is None else EligibilityOut.of(found)
        return cls.model_construct(**fields, remaining=reward.remaining, eligibility=eligibility)


class PurchaseOut(BaseModel):
    """A purchase."""

    id: UUID
    reward: UUID
    customer_id: UUID = Field(description="The person key it was bought under.")
    quantity: int
    wallet: str
    points: int = Field(description="For all units.")
    state: PurchaseState
    vouchers: list[UUID] = Field(description="What was assigned: ask for the codes there.")
    reference: str | None
    ordered_at: Instant
    ordered_by: str
    settled_at: Instant | None
    settled_by: str | None
    note: str | None
    pool: UUID | None = Field(description="The household pool that paid.")
    next: list[Literal["fulfil", "cancel"]] = Field(description="What may be done with it.")

    @classmethod
    def of(cls, purchase: Purchase) -> "PurchaseOut":
        """As it goes out."""
        fields = purchase._asdict()
        fields["reward"], fields["customer_id"] = fields.pop("reward_id"), fields.pop("person_id")
        fields["vouchers"] = list(purchase.vouchers)
        steps: list[Literal["fulfil", "cancel"]] = ["fulfil", "cancel"] if purchase.state == "ordered" else []
        return cls.model_construct(**fields, next=steps)
