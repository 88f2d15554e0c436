"""A code and its campaign, as they stand at one moment, and why they cannot be used then."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.vouchers.domain.terms import Terms

CampaignState = Literal["draft", "active", "paused", "ended"]
CodeState = Literal["active", "frozen", "voided"]
Codes = Literal["unique", "shared", "automatic"]


class Reason(StrEnum):
    """Why a voucher is refused. These words are stable: programs read them."""

    UNKNOWN_CODE = "unknown_code"
    CAMPAIGN_NOT_ACTIVE = "campaign_not_active"
    CAMPAIGN_ENDED = "campaign_ended"
    NOT_STARTED = "not_started"
    OUTSIDE_SCHEDULE = "outside_schedule"
    EXPIRED = "expired"
    CODE_FROZEN = "code_frozen"
    CODE_VOIDED = "code_voided"
    CODE_USED_UP = "code_used_up"
    NO_BALANCE = "no_balance"
    CAMPAIGN_USED_UP = "campaign_used_up"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CUSTOMER_REQUIRED = "customer_required"
    STORE_REQUIRED = "store_required"
    IDENTIFIER_REQUIRED = "identifier_required"
    CUSTOMER_LIMIT = "customer_limit"
    CUSTOMER_BUDGET = "customer_budget"
    NOT_YOURS = "not_yours"
    CURRENCY_MISMATCH = "currency_mismatch"
    CONDITIONS_NOT_MET = "conditions_not_met"
    DUPLICATE = "duplicate"
    NOT_STACKABLE = "not_stackable"
    GROUP_TAKEN = "group_taken"
    CAMPAIGN_TAKEN = "campaign_taken"
    TOO_MANY_VOUCHERS = "too_many_vouchers"
    NOT_IN_BEST = "not_in_best_combination"
    NO_EFFECT = "no_effect"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and its live counters. `ends_at` is the first moment when it is over.

    `redeemed` and `reserved` count uses, `spent_minor` and `reserved_minor` money of `currency`. Nobody types a code
    of one that is `automatic`: it is a promotion, which counts wherever it applies.
    """

    id: UUID
    name: str
    codes: Codes
    state: CampaignState
    version: int
    terms: Terms
    currency: str
    zone: ZoneInfo
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_uses: int | None = None
    redeemed: int = 0
    reserved: int = 0
    budget_minor: int | None = None
    spent_minor: int = 0
    reserved_minor: int = 0

    @property
    def is_automatic(self) -> bool:
        """Whether it counts without a code."""
        return self.codes == "automatic"

    @property
    def uses_left(self) -> int | None:
        """How often it can still be used; None is without limit."""
        return None if self.max_uses is None else self.max_uses - self.redeemed - self.reserved

    @property
    def budget_left_minor(self) -> int | None:
        """How much it can still give away; None is without limit."""
        return None if self.budget_minor is None else self.budget_minor - self.spent_minor - self.reserved_minor

    def trouble(self, now: datetime) -> Reason | None:
        """Why the campaign grants nothing at this moment."""
        if self.state == "ended" or (self.ends_at is not None and now >= self.ends_at):
            return Reason.CAMPAIGN_ENDED
        if self.state != "active":
            return Reason.CAMPAIGN_NOT_ACTIVE
        if self.starts_at is not None and now < self.starts_at:
            return Reason.NOT_STARTED
        if self.terms.schedule is not None and not self.terms.schedule.is_open(now, self.zone):
            return Reason.OUTSIDE_SCHEDULE
        return None


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code of a campaign. `holder` is the raw person key it was assigned to; value is of gift cards alone.

    `redeemed` and `reserved` count uses; of `value_minor` so much is spent, so much held. `max_uses` None is without
    limit. `expires_at` is the first moment when it no longer holds.
    """

    id: UUID
    campaign: Campaign
    state: CodeState
    last4: str
    holder: UUID | None = None
    expires_at: datetime | None = None
    max_uses: int | None = 1
    redeemed: int = 0
    reserved: int = 0
    value_minor: int | None = None
    spent_minor: int = 0
    held_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """What a gift card can still pay."""
        return 0 if self.value_minor is None else self.value_minor - self.spent_minor - self.held_minor

    def trouble(self, now: datetime) -> Reason | None:
        """Why the code cannot be used by anybody at this moment."""
        if (of_campaign := self.campaign.trouble(now)) is not None:
            return of_campaign
        if self.state != "active":
            return Reason.CODE_FROZEN if self.state == "frozen" else Reason.CODE_VOIDED
        if self.expires_at is not None and now >= self.expires_at:
            return Reason.EXPIRED
        if self.max_uses is not None and self.redeemed + self.reserved >= self.max_uses:
            return Reason.CODE_USED_UP
        if self.value_minor is not None and self.balance_minor <= 0:
            return Reason.NO_BALANCE
        return None
