"""Wire models of decisions, invitations, and of why somebody was asked or not."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.surveys.asking.domain.candidate import Candidate, Cause, Reason
from services.surveys.asking.domain.invitation import Channel
from shared.http.schemas import ExternalId, Strict, TimeZone

Customer = Annotated[
    str, Field(min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>.")
]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$", max_length=35)]


class InvitationIn(Strict):
    """Ask somebody now. All that holds for others holds here: consent, budget, quiet hours, open cases."""

    customer: Customer
    channel: Channel | None = Field(None, description="None: that of the survey's policy.")
    locale: Locale | None = None
    touchpoint: ExternalId | None = None
    stage: ExternalId | None = None
    staff_id: ExternalId | None = None
    order_id: ExternalId | None = None
    time_zone: TimeZone | None = Field(None, description="The customer's, for quiet hours.")
    skips_sampling: bool = Field(False, description="Ask whether the customer is in the sample or not.")


class DecisionOut(BaseModel):
    """What was decided about a candidate, and why. `reason` null: it waits until `due_at`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    survey_id: UUID
    customer_id: UUID = Field(validation_alias="person")
    cause: Cause
    cause_id: str
    wave: int
    number: int = Field(description="0: the invitation; otherwise the reminder of this number.")
    happened_at: datetime
    due_at: datetime
    stale_at: datetime
    source_id: UUID | None
    order_id: str | None
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    reason: Reason | None
    detail: str | None
    decided_at: datetime | None
    policy_version: int | None
    invitation_id: UUID | None

    @classmethod
    def of(cls, candidate: Candidate) -> "DecisionOut":
        """A candidate as it is shown."""
        return cls.model_validate(candidate)


class InvitationOut(BaseModel):
    """Somebody was asked."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    survey_id: UUID
    version: int
    customer_id: UUID = Field(validation_alias="person")
    channel: Channel
    locale: str
    weight: float
    wave: int
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    order_id: str | None
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None
    answered_at: datetime | None = Field(description="Always null for an anonymous survey.")
    expired_at: datetime | None


class TotalsOut(BaseModel):
    """How a survey's candidates were decided. `waiting` and those of all reasons sum to `candidates`."""

    survey_id: UUID
    candidates: int
    asked: int
    waiting: int
    by_reason: dict[Reason, int]


class AskingCheckOut(BaseModel):
    """One check: the reason for which it would keep somebody from being asked, and whether it does."""

    reason: Reason
    is_against: bool
    detail: str | None


class ExplanationOut(BaseModel):
    """What would happen if this customer were proposed now, and what happened before.

    `reason` is the first check that speaks against it, or `asked`; `waits_until`: quiet hours end then.
    """

    survey_id: UUID
    customer_id: UUID
    as_of: datetime
    policy_version: int
    reason: Reason
    waits_until: datetime | None
    checks: list[AskingCheckOut]
    contacts: list[datetime] = Field(description="When this person was asked, over all surveys, as far as it counts.")
    decisions: list[DecisionOut] = Field(description="What was decided about them in this survey, the latest first.")
