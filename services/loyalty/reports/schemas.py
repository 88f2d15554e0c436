"""Wire models of reports."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from services.loyalty.programs.domain.terms import Name
from services.loyalty.reports.domain.breakage import Rate, Why
from services.loyalty.reports.domain.revenue import Estimate, Key, Movement
from services.loyalty.reports.repository import Line
from shared.http.schemas import Strict
from shared.money import EXPONENTS

Month = Annotated[
    str, Field(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$", examples=["2026-11"], description="As 2026-11.")
]


def first_day(month: str) -> date:
    """The first day of a month."""
    return date.fromisoformat(f"{month}-01")


def month_of(day: date) -> str:
    """As people write it."""
    return f"{day:%Y-%m}"


class GroupOut(BaseModel):
    """Points that members have, of a group."""

    wallet: str
    key: str | None = Field(description="The month, kind, rule or tier; null: no end, or no tier.")
    name: str | None = Field(description="What the rule is called.")
    points: int = Field(description="Available, pending and held.")

    @classmethod
    def of(cls, line: Line) -> "GroupOut":
        """The wire form."""
        return cls.model_validate(line._asdict())


class GroupsOut(BaseModel):
    """What is outstanding, in groups; of each wallet they add up to all there is."""

    as_of: datetime
    groups: list[GroupOut]


class RateOut(BaseModel):
    """A share between 0 and 1, with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, rate: Rate) -> "RateOut":
        """The wire form."""
        return cls.model_validate(rate._asdict())


class BreakageOut(BaseModel):
    """How many points members spend, and how many they let end."""

    wallet: str
    as_of: datetime
    since: datetime = Field(description="Points count whose last day was after this and is over by now.")
    members: int = Field(description="Whose points these were.")
    spent: int
    expired: int
    redemption: RateOut | None = Field(description="Of spent and expired the spent; null: that cannot be said.")
    breakage: RateOut | None = Field(description="The rest.")
    cannot_say: Why | None = Field(description="Why not.")
    outstanding: int = Field(description="What members have.")
    expected_breakage: int | None = Field(description="How many of those will end unspent, at that rate.")


class EstimateIn(Strict):
    """What a point is worth in the accounts, from a month on that is not closed."""

    wallet: Name = "points"
    currency: Annotated[str, Field(min_length=3, max_length=3, examples=["VND"])]
    month: Month
    minor_per_point: Annotated[Decimal, Field(gt=0, le=10**9, max_digits=18, decimal_places=6, allow_inf_nan=False)] = (
        Field(description="Minor units (đồng, cents) that a point is worth when it is spent.", examples=["1000"])
    )
    redemption_rate: Annotated[Decimal, Field(ge=0, le=1, decimal_places=6, allow_inf_nan=False)] = Field(
        description="The share of points that will be spent.", examples=["0.85"]
    )

    @field_validator("currency")
    @classmethod
    def _is_money(cls, value: str) -> str:
        if value not in EXPONENTS:
            raise PydanticCustomError("unknown_currency", "It is no ISO 4217 currency")
        return value

    @property
    def estimate(self) -> Estimate:
        """As the rules take it."""
        return Estimate(first_day(self.month), self.minor_per_point, self.redemption_rate)


class EstimateOut(BaseModel):
    """An estimate, in force from a month on until the next."""

    wallet: str
    currency: str
    month: str
    minor_per_point: Decimal
    redemption_rate: Decimal

    @classmethod
    def of(cls, wallet: str, currency: str, estimate: Estimate) -> "EstimateOut":
        """The wire form."""
        return cls(
            wallet=wallet,
            currency=currency,
            month=month_of(estimate.month),
            minor_per_point=estimate.minor_per_point,
            redemption_rate=estimate.redemption_rate,
        )


class EstimatesOut(BaseModel):
    """All estimates, the earliest first."""

    estimates: list[EstimateOut]


class MovementOut(BaseModel):
    """Revenue that waits: `opening` + `new` - `recognised` = `closing`, in minor units."""

    wallet: str
    currency: str
    cohort: str | None = Field(description="The month in which the points were earned; null: all together.")
    opening_minor: int
    new_minor: int = Field(description="Deferred with sales of the period; below zero where more went back.")
    recognised_minor: int = Field(description="Below zero where a new estimate expects more points to be spent.")
    closing_minor: int

    @classmethod
    def of(cls, wallet: str, currency: str, cohort: date | None, said: Movement) -> "MovementOut":
        """The wire form."""
        return cls(
            wallet=wallet, currency=currency, cohort=cohort and month_of(cohort), opening_minor=said.opening,
            new_minor=said.new, recognised_minor=said.recognised, closing_minor=said.closing,
        )  # fmt: skip


class UnpricedOut(BaseModel):
    """Points earned with sales in a month for which nobody has said what a point is worth: they are in no sum."""

    wallet: str
    currency: str
    cohort: str
    points: int

    @classmethod
    def of(cls, key: Key, points: int) -> "UnpricedOut":
        """The wire form."""
        return cls(wallet=key.wallet, currency=key.currency, cohort=month_of(key.cohort), points=points)


class RevenueOut(BaseModel):
    """Revenue that waits for points: the period after the last closed month up to the end of this one."""

    month: str
    after: str | None = Field(description="The month closed before; null: this is the first period.")
    is_closed: bool
    totals: list[MovementOut]
    cohorts: list[MovementOut]
    cannot_say: list[UnpricedOut]
