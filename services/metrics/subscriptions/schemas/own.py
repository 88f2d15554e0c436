"""Wire models of what a firm enters itself."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import to_date
from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.policy import Policy, Recognition
from services.metrics.subscriptions.repository.own import StoredPolicy
from shared.http.schemas import Strict

Days = Annotated[int, Field(strict=True, ge=0, le=366)]


class PolicyIn(Strict):
    """When a departure counts. All history is counted anew by it."""

    recognition: Recognition = Field(
        description="at_request: when the cancellation was asked for; at_period_end: when the paid service ends; "
        "after_grace: `grace_days` after that. Who comes back before it counts has not left."
    )
    grace_days: Days = Field(0, description="With after_grace alone.")
    dunning_days: Days | None = Field(
        30, description="Days after a refused payment that nothing mends, until that counts; null: never by itself."
    )
    pause_is_churn: bool = Field(True, description="Else a pause is contraction, and who pauses stays a subscriber.")
    free_is_churn: bool = Field(
        True, description="Whether somebody who paid and goes on in a plan that costs nothing has left; else: shrunk."
    )

    def policy(self) -> Policy:
        """As the domain knows it, its number to be given."""
        return Policy(0, **self.model_dump())


class PolicyOut(BaseModel):
    """A policy; its `version` is on every figure counted by it."""

    version: int
    recognition: Recognition
    grace_days: int
    dunning_days: int | None
    pause_is_churn: bool
    free_is_churn: bool
    set_at: datetime | None = Field(None, description="Since when it holds; null: since the beginning.")

    @classmethod
    def of(cls, stored: StoredPolicy) -> "PolicyOut":
        """As stored."""
        return cls(**stored.policy._asdict(), set_at=stored.set_at)


class PoliciesOut(BaseModel):
    """The policy that holds, and the hundred before it, the newest first."""

    current: PolicyOut
    earlier: list[PolicyOut]


class RateIn(Strict):
    """What one unit of the currency is worth, both in major units."""

    rate: Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=12, examples=["25410.5"])]


class RateOut(BaseModel):
    """A rate: from `day` on, one of `currency` is `rate` of `into`."""

    currency: str
    into: str
    day: date
    rate: str

    @classmethod
    def of(cls, rate: Rate) -> "RateOut":
        """As stored, without zeros at its end."""
        return cls(currency=rate.currency, into=rate.into, day=to_date(rate.day), rate=f"{rate.rate.normalize():f}")


class RatesOut(BaseModel):
    """Rates the firm entered."""

    items: list[RateOut]
