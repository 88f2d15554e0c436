"""Wire models of referral programmes, codes and referrals."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.loyalty.programs.schemas import Schedule
from services.loyalty.referrals.domain.fraud import Signal
from services.loyalty.referrals.domain.program import REASONS, Action
from services.loyalty.referrals.domain.referral import Hindrance, MilestoneState, Reached, Referral, State
from shared.http.schemas import ExternalId, Instant, Strict, TimeZone
from shared.money import MAX_MINOR, MoneyError, currency_code

_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise PydanticCustomError("domain", "Input should be the domain of a mail address, such as example.com")
    return value.lower()


def _currency(value: str) -> str:
    try:
        return currency_code(value)
    except MoneyError:
        raise PydanticCustomError("currency", "Input should be an ISO 4217 code such as VND") from None


Domain = Annotated[str, Field(max_length=253), AfterValidator(_domain)]
Customer = Annotated[
    str, Field(min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>.")
]
Digest = Annotated[str, Field(min_length=8, max_length=256, description="A hash of your making.")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class RewardIn(Strict):
    """Points, or a voucher of a campaign; one of them."""

    points: int | None = Field(None, strict=True, ge=1, le=1_000_000_000)
    wallet: str = Field("points", min_length=1, max_length=40)
    campaign: UUID | None = Field(None, description="A voucher campaign with unique codes, one of which is assigned.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "RewardIn":
        if (self.points is None) == (self.campaign is None):
            raise PydanticCustomError("one_reward", "A reward is points or a voucher of a campaign, one of them")
        return self


class MilestoneIn(Strict):
    """What the friend must do, and what each side gets for it."""

    name: Name = Field(examples=["first_order"])
    event: Literal["signup", "order", "touchpoint"] = Field(
        description="`signup`: coming with the code. `order`: the nth that counts, paid and not gone back. "
        "`touchpoint`: the nth of this name, such as an app that was installed."
    )
    touchpoint: ExternalId | None = Field(None, description="The name of the touchpoint, as it is recorded.")
    nth: int = Field(1, strict=True, ge=1, le=1_000)
    min_minor: int = Field(0, strict=True, ge=0, le=MAX_MINOR, description="Least amount of an order, in minor units.")
    currency: Annotated[str, AfterValidator(_currency)] | None = Field(None, description="Of `min_minor`.")
    advocate: RewardIn | None = None
    friend: RewardIn | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "MilestoneIn":
        if self.advocate is None and self.friend is None:
            raise PydanticCustomError("no_reward", "A milestone rewards one side or both")
        if self.min_minor and self.currency is None:
            raise PydanticCustomError("no_currency", "A least amount has a currency")
        if (self.event == "touchpoint") != (self.touchpoint is not None):
            raise PydanticCustomError("touchpoint", "Name the touchpoint where the milestone is one, and only there")
        if self.event == "touchpoint" and self.min_minor:
            raise PydanticCustomError("touchpoint", "A touchpoint has no amount")
        if self.event == "signup" and (self.nth, self.min_minor) != (1, 0):
            raise PydanticCustomError("signup", "To sign up is done once, and costs nothing")
        return self


class FraudIn(Strict):
    """What is minded. A friend who is the advocate, and a ring of referrals, are always blocked."""

    actions: dict[str, Action] = Field({}, description=f"What is done for a reason: {', '.join(REASONS)}.")
    advocate_max: int = Field(10, strict=True, ge=1, le=100_000, description="Friends of an advocate in that time.")
    address_max: int = Field(3, strict=True, ge=1, le=100_000, description="Friends from one place in that time.")
    ip_max: int = Field(10, strict=True, ge=1, le=100_000, description="Friends from one network address in that time.")
    delay_days: int = Field(
        14, strict=True, ge=1, le=365, description="How much longer rewards are held back where the action is `delay`."
    )
    velocity_days: int = Field(7, strict=True, ge=1, le=365)
    disposable_domains: list[Domain] = Field([], max_length=1_000, description="More domains than those known.")

    @field_validator("actions")
    @classmethod
    def _are_known(cls, value: dict[str, Action]) -> dict[str, Action]:
        if set(value) - set(REASONS):
            raise PydanticCustomError("reason", "A reason that there is not, or that always blocks")
        return value


class TermsIn(Strict):
    """The terms of a programme."""

    milestones: list[MilestoneIn] = Field(min_length=1, max_length=20)
    hold_days: int = Field(14, strict=True, ge=0, le=365, description="How long a reward waits: the time of returns.")
    window_days: int = Field(90, strict=True, ge=1, le=3_650, description="How long after coming orders count.")
    max_friends: int | None = Field(None, strict=True, ge=1, le=1_000_000, description="That an advocate may bring.")
    link: str | None = Field(
        None,
        max_length=500,
        pattern=r"^https://[^\s{}]+\{code\}[^\s{}]*$",
        description="The address of a link, with {code} in it.",
        examples=["https://shop.example/?ref={code}"],
    )
    fraud: FraudIn = Field(default_factory=FraudIn)
    schedule: Schedule | None = Field(None, description="When friends may come; none: always.")
    zone: TimeZone | None = Field(None, description="IANA zone of the schedule; none: the programme's.")

    @field_validator("milestones")
    @classmethod
    def _are_distinct(cls, value: list[MilestoneIn]) -> list[MilestoneIn]:
        if len({each.name for each in value}) < len(value):
            raise PydanticCustomError("twice", "A milestone is named twice")
        return value


class ProgramIn(TermsIn):
    """A referral programme."""

    name: ExternalId = Field(examples=["Bạn rủ bạn"])
    starts_at: Instant | None = None
    ends_at: Instant | None = None


class ProgramOut(BaseModel):
    """A referral programme."""

    id: UUID
    name: str
    is_paused: bool
    starts_at: Instant | None
    ends_at: Instant | None
    terms: dict[str, Any]
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str


SignalsIn = Annotated[
    dict[Signal, list[Digest]],
    Field(
        description="Hashes of what may give a swindler away, by kind: of each at most ten. Digests of them are kept."
    ),
]


class WithSignals(Strict):
    """What may give a swindler away."""

    signals: SignalsIn = Field({})
    name: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Compared without diacritics and order of words (Nguyễn Văn Đức is Duc Nguyen Van); a keyed hash "
        "of it is kept, never the name.",
    )
    email: str | None = Field(
        None, min_length=3, max_length=320, description="Compared in its plainest form; a keyed hash of it is kept."
    )

    @field_validator("signals")
    @classmethod
    def _are_few(cls, value: dict[Signal, list[str]]) -> dict[Signal, list[str]]:
        if any(len(each) > 10 for each in value.values()):
            raise PydanticCustomError("too_many", "At most ten hashes of one kind")
        return value


class CodeIn(WithSignals):
    """Whose code it shall be."""

    customer: Customer


class CodeOut(BaseModel):
    """An advocate's code: made to be shared, also as a link."""

    code: str
    link: str | None
    program: UUID
    customer_id: UUID
    created_at: Instant


class ReferralIn(WithSignals):
    """A friend who comes with a code."""

    code: str = Field(min_length=1, max_length=40)
    customer: Customer = Field(description="The friend.")
    email_domain: Domain | None = Field(None, description="What stands behind the @; it is looked at, and not kept.")


class DecisionIn(Strict):
    """Why staff decides so."""

    reason: str = Field(min_length=1, max_length=500)


class MilestoneOut(BaseModel):
    """What became of a milestone."""

    milestone: str
    state: MilestoneState = Field(
        description="`review` waits for staff, `held` for its time; `lost`: what it was for fell before it was paid; "
        "`taken_back`: after."
    )
    qualified_at: Instant | None
    order_id: str | None
    due_at: Instant | None
    completed_at: Instant | None = Field(description="When it was paid first.")
    problem: str | None = Field(description="Why it could not be paid; it is tried again.")


class ReferralOut(BaseModel):
    """A referral."""

    id: UUID
    program: UUID
    code: str
    advocate_id: UUID
    friend_id: UUID
    state: State
    reasons: list[str] = Field(description="What spoke against it when the friend came.")
    delay_days: int = Field(description="How much longer its rewards are held back for that.")
    hindrance: Hindrance | None = Field(description="What a merge of customers brought about, as long as it stands.")
    registered_at: Instant
    decided_at: Instant | None
    decided_by: str | None
    decision: str | None
    milestones: list[MilestoneOut]

    @classmethod
    def of(cls, referral: Referral, reached: list[Reached]) -> "ReferralOut":
        """As it goes out."""
        fields: dict[str, Any] = referral._asdict()
        del fields["terms"]
        fields["program"], fields["reasons"] = fields.pop("program_id"), list(referral.reasons)
        fields["milestones"] = [MilestoneOut.model_construct(**each._asdict()) for each in reached]
        return cls.model_construct(**fields)


def referral_link(template: str | None, code: str) -> str | None:
    """The link of a code."""
    return None if template is None else template.replace("{code}", code)
