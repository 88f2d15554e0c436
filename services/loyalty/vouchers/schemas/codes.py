"""Codes on the wire: jobs that make them, single ones, imports. A code in clear is only ever in an answer."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import accumulate
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.voucher import CodeState, Reason, Voucher
from services.loyalty.vouchers.repository.code_jobs import Job
from services.loyalty.vouchers.repository.statements import Movement
from shared.http.schemas import ExternalId, Strict
from shared.money import MAX_MINOR

MAX_COUNT = 10_000_000
MAX_IMPORT = 5_000

_Minor = Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]
_Uses = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
Code = Annotated[str, Field(min_length=codes.MIN_TEXT, max_length=codes.MAX_TEXT, examples=["TET26-7K3M-Q9XA-2VBC-4"])]


class JobIn(Strict):
    """So many codes to make; of a campaign of gift cards with the value of each."""

    count: Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT)]
    value_minor: _Minor | None = None
    expires_on: date | None = Field(None, description="Last local day of the codes; none: that of the campaign.")


class JobOut(BaseModel):
    """A job that makes codes: `made` of `wanted` so far."""

    id: UUID
    campaign: UUID
    state: Literal["waiting", "done", "cancelled"]
    wanted: int
    made: int
    value_minor: int | None
    expires_at: datetime | None
    are_codes_kept: bool = Field(description="Whether the codes can still be had.")
    codes_until: datetime = Field(description="How long they can be had, unless they are thrown away before.")
    downloads: int = Field(description="How often they were asked for.")
    created_at: datetime
    created_by: str
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The wire form."""
        return cls(
            campaign=job.campaign_id,
            are_codes_kept=job.sealed_key is not None,
            **{name: getattr(job, name) for name in cls.model_fields if name not in ("campaign", "are_codes_kept")},
        )


class SharedCodeIn(Strict):
    """Words that everybody may know, for a campaign of shared codes."""

    code: Code
    max_uses: _Uses | None = Field(None, description="In all; none: what the campaign says.")


class VoucherOut(BaseModel):
    """A voucher as it stands; of its code no more than the last symbols, unless everybody may know it."""

    id: UUID
    campaign: UUID
    last4: str
    public_code: str | None
    state: CodeState
    holder: UUID | None = Field(description="The customer it was assigned to.")
    expires_at: datetime | None = Field(description="The first moment when it no longer holds; null: the campaign's.")
    max_uses: int | None
    redeemed: int
    reserved: int
    currency: str
    value_minor: int | None = Field(description="Of a gift card.")
    spent_minor: int
    held_minor: int
    created_at: datetime
    trouble: Reason | None = Field(description="Why nobody can use it now.")

    @classmethod
    def of(cls, voucher: Voucher, public_code: str | None, created_at: datetime, now: datetime) -> Self:
        """The wire form at a moment."""
        same = ("id", "last4", "state", "holder", "expires_at", "max_uses", "redeemed", "reserved", "value_minor")
        return cls(
            campaign=voucher.campaign.id,
            public_code=public_code,
            currency=voucher.campaign.currency,
            spent_minor=voucher.spent_minor,
            held_minor=voucher.held_minor,
            created_at=created_at,
            trouble=voucher.trouble(now),
            **{name: getattr(voucher, name) for name in same},
        )


class CodeStateIn(Strict):
    """The state a voucher shall be in: `frozen` may be undone, `voided` not."""

    state: CodeState


class TopUpIn(Strict):
    """Money to put on a gift card."""

    amount_minor: _Minor
    reference: ExternalId | None = Field(None, description="What for: a return, an order; it stands in the statement.")


class MovementOut(BaseModel):
    """A change of what is on a gift card."""

    kind: Literal["issued", "top_up", "paid", "returned"]
    id: UUID = Field(description="Of the voucher, the top-up, the redemption, the rollback.")
    amount_minor: int = Field(description="Negative where the card paid.")
    balance_minor: int = Field(description="What was on it then, held money included.")
    at: datetime
    reference: str | None = Field(description="The order, or what the top-up was for.")


class StatementOut(BaseModel):
    """What moved on a gift card, and what is on it."""

    voucher: UUID
    currency: str
    state: CodeState
    expires_at: datetime | None
    balance_minor: int
    held_minor: int = Field(description="Of that, what live reservations hold.")
    available_minor: int
    movements: list[MovementOut]
    as_of: datetime

    @classmethod
    def of(cls, card: Voucher, movements: Sequence[Movement], now: datetime) -> Self:
        """The wire form; balances are summed up from the first movement on."""
        balances = accumulate(each.amount_minor for each in movements)
        return cls(
            voucher=card.id,
            currency=card.campaign.currency,
            state=card.state,
            expires_at=card.expires_at,
            balance_minor=card.balance_minor + card.held_minor,
            held_minor=card.held_minor,
            available_minor=card.balance_minor,
            movements=[
                MovementOut(**each._asdict(), balance_minor=balance)
                for each, balance in zip(movements, balances, strict=True)
            ],
            as_of=now,
        )


class ExpiryRuleOut(BaseModel):
    """When gift cards may expire, by the law of a place."""

    jurisdiction: str
    min_years: int | None = Field(description="From issue; null: never.")
    renews: bool = Field(description="Whether the time begins again with each top-up.")
    counts_from_year_end: bool
    source: str


class LookupIn(Strict):
    """A code as somebody reads it out."""

    code: Annotated[str, Field(min_length=1, max_length=200)]


class ImportedIn(Strict):
    """A code that exists already."""

    code: Annotated[str, Field(max_length=200)]
    value_minor: int | None = None
    max_uses: int | None = None
    expires_on: date | None = None


class ImportIn(Strict):
    """Codes of another system, for a campaign of unique codes. Upper and lower case, I, L and 1, O and 0 are one."""

    codes: list[ImportedIn] = Field(min_length=1, max_length=MAX_IMPORT)
    dry_run: bool = Field(False, description="Only say what would come of it; nothing is kept.")
    to_assign: bool = Field(
        False,
        description="Keep them ready, in a sealed form, to be assigned to customers; else only their holders "
        "know them.",
    )


class RefusedOut(BaseModel):
    """A code that was not taken over: by its place in the request, never by its text."""

    position: int
    reason: Literal["bad_code", "duplicate", "taken", "value_needed", "no_value", "bad_limit", "expired", "no_pool"]


class ImportOut(BaseModel):
    """What came of an import; the codes that are refused do not keep the others out."""

    is_dry_run: bool = Field(False, description="Whether nothing was kept.")
    imported: int = Field(description="Taken over; of a dry run: that would be.")
    refused: list[RefusedOut]
