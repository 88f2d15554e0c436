"""Campaigns on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.jurisdictions import EXPIRY
from services.loyalty.vouchers.domain.voucher import Campaign, CampaignState, Codes
from services.loyalty.vouchers.repository.campaigns import Coding, Version
from services.loyalty.vouchers.schemas.terms import TermsIn
from shared.http.schemas import Strict, TimeZone
from shared.money import MAX_MINOR, MoneyError, currency_code


def _stripped(value: str) -> str:
    return " ".join(value.split())


def _currency(value: str) -> str:
    try:
        return currency_code(value)
    except MoneyError as error:
        raise PydanticCustomError("unknown_currency", str(error).rstrip(".")) from None


def _prefix(value: str) -> str:
    if not codes.is_prefix(value):
        raise PydanticCustomError("bad_prefix", "A prefix has letters A to Z and digits, at most 16 of them")
    if codes.is_offensive(codes.canonical(value)):
        raise PydanticCustomError("offensive_prefix", "The prefix holds a word that customers should not read")
    return value


_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S"), AfterValidator(_stripped)]
_Limit = Annotated[int, Field(strict=True, ge=1, le=10**12)]
_Pattern = Annotated[str, Field(min_length=1, max_length=64, pattern="^[0-9A-Z#-]+$")]
_Minor = Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]


def _jurisdiction(value: str) -> str:
    if value not in EXPIRY:
        raise PydanticCustomError("unknown_jurisdiction", f"Name one of {', '.join(EXPIRY)}")
    return value


class PoolIn(Strict):
    """So many free codes are kept ready; never more than so many are made for it in all."""

    min_free: Annotated[int, Field(strict=True, ge=1, le=100_000)]
    max_codes: Annotated[int, Field(strict=True, ge=1, le=100_000_000)]


class CodingIn(Strict):
    """How codes are made and assigned."""

    prefix: Annotated[str, AfterValidator(_prefix)] = ""
    length: int | None = Field(
        None,
        strict=True,
        ge=codes.MIN_LENGTH,
        le=codes.MAX_LENGTH,
        description="Random symbols, without prefix and check symbol; none: 12, or 16 for gift cards.",
    )
    days: int | None = Field(
        None, strict=True, ge=1, le=3_650, description="An assigned code holds so many local days, the first included."
    )
    once_per_customer: bool = Field(False, description="Nobody is assigned a second code.")
    pattern: _Pattern | None = Field(
        None,
        description="A form of your own instead of prefix and length: # is a random symbol, A to Z, 0 to 9 and - stand "
        "as they are.",
        examples=["TET26-####-####-VN"],
    )
    charset: Annotated[str, Field(min_length=2, max_length=36, pattern="^[0-9A-Z]+$")] | None = Field(
        None, description="Random symbols of the pattern; none: 32 that are not mistaken for one another."
    )
    has_check: bool = Field(True, description="Whether codes of a pattern end in a check symbol.")
    jurisdiction: Annotated[str, AfterValidator(_jurisdiction)] | None = Field(
        None, description="Of gift cards: whose law says when they may expire; see `/v1/loyalty/gift-card-rules`."
    )
    pool: PoolIn | None = Field(None, description="Codes that are made ahead, to be assigned; none: when they are.")


class _CampaignIn(Strict):
    name: _Name
    description: Annotated[str, Field(max_length=2_000)] = ""
    zone: TimeZone | None = Field(None, description="IANA zone of its days and hours; none: the firm's.")
    starts_on: date | None = Field(None, description="First local day; none: from its activation on.")
    ends_on: date | None = Field(None, description="Last local day, to its end; none: until it is ended.")
    max_uses: _Limit | None = None
    budget_minor: _Minor | None = Field(None, description="Discounts in all.")
    terms: TermsIn
    coding: CodingIn = CodingIn()


class CampaignIn(_CampaignIn):
    """A new campaign, a draft. `unique` codes are secrets, one per customer; a `shared` one everybody may know; an
    `automatic` campaign, a promotion, has none: it counts on every basket that it applies to."""

    codes: Codes = "unique"
    currency: Annotated[str, AfterValidator(_currency)]


class CampaignChangeIn(_CampaignIn):
    """A campaign as it shall be; `version` is the one that was read. Kind of codes and currency stay."""

    version: int = Field(strict=True, ge=1, lt=2**31)


class StateIn(Strict):
    """The state a campaign shall be in: a draft is activated, may be paused and resumed, and ends for ever."""

    state: Literal["active", "paused", "ended"]


class PoolOut(BaseModel):
    """Codes of a campaign that are kept ready to be assigned."""

    min_free: int | None = Field(description="So many free ones are kept; null: none are made ahead.")
    max_codes: int | None
    free: int
    assigned: int
    made: int = Field(description="Made ahead, in all.")
    given: int = Field(description="Imported to be assigned, in all.")


class CodingOut(BaseModel):
    """How codes are made and assigned."""

    prefix: str
    length: int
    days: int | None
    once_per_customer: bool
    pattern: str | None
    charset: str | None
    has_check: bool
    jurisdiction: str | None
    pool: PoolIn | None

    @classmethod
    def of(cls, coding: Coding) -> Self:
        """The wire form."""
        said = coding._asdict()
        least, most = said.pop("pool_min"), said.pop("pool_max")
        return cls(**said, pool=None if least is None else PoolIn(min_free=least, max_codes=most))


class CampaignOut(BaseModel):
    """A campaign with its live counters."""

    id: UUID
    name: str
    description: str
    codes: Codes
    state: CampaignState
    version: int
    currency: str
    zone: str
    starts_on: date | None
    ends_on: date | None
    starts_at: datetime | None
    ends_at: datetime | None = Field(description="The first moment when it is over.")
    max_uses: int | None
    redeemed: int = Field(description="Uses that stand.")
    reserved: int = Field(description="Uses that live reservations hold.")
    budget_minor: int | None
    spent_minor: int = Field(description="Discounts that stand.")
    reserved_minor: int = Field(description="Discounts that live reservations hold.")
    terms: dict[str, Any]
    coding: CodingOut
    created_at: datetime
    updated_at: datetime
    updated_by: str = Field(description="The key that made this version.")

    @classmethod
    def of(cls, campaign: Campaign, version: Version, created_at: datetime) -> Self:
        """The wire form of a campaign and what its version says."""
        return cls(
            id=campaign.id,
            name=campaign.name,
            description=version.description,
            codes=campaign.codes,
            state=campaign.state,
            version=campaign.version,
            currency=campaign.currency,
            zone=campaign.zone.key,
            starts_on=version.starts_on,
            ends_on=version.ends_on,
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
            max_uses=campaign.max_uses,
            redeemed=campaign.redeemed,
            reserved=campaign.reserved,
            budget_minor=campaign.budget_minor,
            spent_minor=campaign.spent_minor,
            reserved_minor=campaign.reserved_minor,
            terms=version.document,
            coding=CodingOut.of(version.coding),
            created_at=created_at,
            updated_at=version.created_at,
            updated_by=version.created_by,
        )


class VersionOut(BaseModel):
    """What one version of a campaign said."""

    version: int
    name: str
    description: str
    zone: str
    starts_on: date | None
    ends_on: date | None
    max_uses: int | None
    budget_minor: int | None
    terms: dict[str, Any]
    coding: CodingOut
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, version: Version) -> Self:
        """The wire form."""
        return cls(
            version=version.version,
            name=version.name,
            description=version.description,
            zone=version.zone.key,
            starts_on=version.starts_on,
            ends_on=version.ends_on,
            max_uses=version.max_uses,
            budget_minor=version.budget_minor,
            terms=version.document,
            coding=CodingOut.of(version.coding),
            created_at=version.created_at,
            created_by=version.created_by,
        )


def zone_of(name: str | None, firm: ZoneInfo) -> ZoneInfo:
    """The zone of a campaign: its own or the firm's."""
    return firm if name is None else ZoneInfo(name)
