"""Wire models of flash sales and claims."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.loyalty.flash.domain.draw import Draw
from services.loyalty.flash.domain.sale import Claim, ClaimState, Item, Sale, State
from services.loyalty.programs.schemas import Schedule
from shared.http.schemas import ExternalId, Instant, Strict, TimeZone

MAX_ITEMS = 200
MAX_UNITS = 1_000_000_000
MAX_UNITS_OF_CLAIM = 1_000
MAX_CLAIM_SECONDS = 7 * 86_400

_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", re.ASCII)


def _only_local(value: Any) -> Any:
    if not isinstance(value, str) or not _LOCAL.fullmatch(value):
        raise PydanticCustomError("local_time", "Input should be a local time without offset: 2026-11-11T00:00")
    return value


LocalTime = Annotated[
    datetime,
    BeforeValidator(_only_local),
    Field(description="A local time without offset, to the second.", examples=["2026-11-11T00:00"]),
]
Units = Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]
PerPerson = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class ItemIn(Strict):
    """An item of a sale."""

    item: ExternalId = Field(description="The product, as the shop names it.", examples=["sku-1"])
    units: Units
    max_per_person: PerPerson | None = Field(None, description="Units that one person may have; null: no limit.")


class LotteryIn(Strict):
    """When people enter, and how long who is drawn may claim."""

    enters_local: LocalTime = Field(description="People enter from this local time on.")
    enters_until_local: LocalTime = Field(description="Until before this one: then lots are drawn.")
    right_seconds: int = Field(
        86_400,
        strict=True,
        ge=60,
        le=MAX_CLAIM_SECONDS,
        description="Who is drawn claims within this time, or the next one is drawn.",
    )


class RoomIn(Strict):
    """A waiting room: who has joined it is let in to claim when their turn comes."""

    admit_per_second: float = Field(ge=0.01, le=100_000)
    pass_seconds: int = Field(300, strict=True, ge=10, le=86_400, description="Who was let in claims within this time.")


class SaleIn(Strict):
    """A flash sale."""

    name: ExternalId = Field(examples=["11.11 nửa đêm"])
    starts_local: LocalTime
    ends_local: LocalTime
    zone: TimeZone | None = Field(None, description="IANA time zone of the local times; null: the firm's.")
    items: list[ItemIn] = Field(min_length=1, max_length=MAX_ITEMS)
    claim_seconds: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=MAX_CLAIM_SECONDS,
        description="A claim falls unless it is confirmed within this time; null: claims stand at once.",
    )
    max_per_person: PerPerson | None = Field(None, description="Units of all items that one person may have.")
    schedule: Schedule | None = Field(None, description="Windows of the week; closed outside of them. None: always.")
    order: Literal["first_come", "lottery"] = Field(
        "first_come", description="Who comes first is served first, or lots are drawn among those who entered."
    )
    lottery: LotteryIn | None = Field(None, description="Of a lottery.")
    waiting_room: RoomIn | None = Field(None, description="null: everybody may claim at once.")

    @model_validator(mode="after")
    def _has_its_lottery(self) -> Self:
        if (self.order == "lottery") != (self.lottery is not None):
            raise PydanticCustomError("lottery", "A lottery says when people enter; other sales do not")
        return self

    @field_validator("items")
    @classmethod
    def _are_distinct(cls, value: list[ItemIn]) -> list[ItemIn]:
        if len({each.item for each in value}) < len(value):
            raise PydanticCustomError("twice", "An item is named twice")
        return value


class ExtendIn(Strict):
    """A later end."""

    ends_local: LocalTime


class UnitsIn(Strict):
    """More units of an item."""

    item: ExternalId
    units: Units


class ClaimIn(Strict):
    """What a customer wants of a sale."""

    key: ExternalId = Field(description="Of your choice, one for each claim on an item: sent again, it has no effect.")
    item: ExternalId
    customer: str = Field(
        min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>."
    )
    units: int = Field(1, strict=True, ge=1, le=MAX_UNITS_OF_CLAIM)
    token: str | None = Field(None, max_length=300, description="Of the waiting room, where the sale has one.")


class ConfirmIn(Strict):
    """That a claim was paid."""

    order_id: ExternalId | None = None


class ItemOut(BaseModel):
    """What is left of an item."""

    item: str
    units: int
    taken: int = Field(description="Held or confirmed.")
    remaining: int
    max_per_person: int | None

    @classmethod
    def of(cls, item: Item) -> Self:
        """As it goes out."""
        return cls(
            item=item.item,
            units=item.units,
            taken=item.taken,
            remaining=item.remaining,
            max_per_person=item.max_per_person,
        )


class LotteryOut(BaseModel):
    """What a lottery promises; the seed itself is told when it is drawn with."""

    enters_local: datetime
    enters_until_local: datetime
    enters_at: Instant
    enters_until: Instant
    right_seconds: int
    seed_hash: str = Field(description="SHA-256 of the seed, in hexadecimal.")
    drawn_at: Instant | None

    @classmethod
    def of(cls, draw: Draw) -> "LotteryOut":
        """As it goes out."""
        told = {name: getattr(draw, name) for name in cls.model_fields if name != "seed_hash"}
        return cls.model_construct(**told, seed_hash=draw.seed_hash.hex())


class RoomTermsOut(BaseModel):
    """How a waiting room lets people in."""

    admit_per_second: float
    pass_seconds: int


class SaleOut(BaseModel):
    """A flash sale as it was at `as_of`."""

    id: UUID
    name: str
    state: State
    zone: str
    starts_local: datetime
    ends_local: datetime
    starts_at: Instant
    ends_at: Instant
    ended_early_at: Instant | None
    claim_seconds: int | None
    max_per_person: int | None
    items: list[ItemOut]
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str
    schedule: list[dict[str, Any]] | None
    order: Literal["first_come", "lottery"]
    lottery: LotteryOut | None
    waiting_room: RoomTermsOut | None
    as_of: Instant

    @classmethod
    def of(cls, sale: Sale, at: datetime) -> "SaleOut":
        """As it goes out, with its state at a moment."""
        fields = sale._asdict()
        draw, room = fields.pop("draw"), fields.pop("room")
        del fields["is_paused"]
        fields["order"] = "lottery" if fields.pop("is_lottery") else "first_come"
        fields["lottery"] = None if draw is None else LotteryOut.of(draw)
        fields["waiting_room"] = room and RoomTermsOut.model_construct(
            admit_per_second=room.per_second, pass_seconds=room.pass_seconds
        )
        fields["items"] = [ItemOut.of(each) for each in sale.items]
        return cls.model_construct(**fields, state=sale.state(at), as_of=at)


class ClaimOut(BaseModel):
    """A claim."""

    id: UUID
    sale: UUID
    item: str
    key: str
    customer_id: UUID = Field(description="The person key it was made under.")
    units: int
    number: int = Field(description="Counts the claims of the item in the order they were granted.")
    state: ClaimState
    claimed_at: Instant
    expires_at: Instant | None = Field(description="Confirm it before; null: it stood at once.")
    settled_at: Instant | None
    order_id: str | None

    @classmethod
    def of(cls, claim: Claim) -> "ClaimOut":
        """As it goes out."""
        fields = claim._asdict()
        fields["sale"], fields["customer_id"] = fields.pop("sale_id"), fields.pop("person_id")
        return cls.model_construct(**fields)
