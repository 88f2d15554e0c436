"""Wire models of what a firm enters itself."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import to_date
from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.policy import Counting, Policy, Recognition
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


class RecountOut(BaseModel):
    """How far history is counted by a policy that is pending: figures are of the one before until it is whole."""

    version: int
    persons: int = Field(description="Who is counted by it so far.")
    percent: int = Field(description="The part of all, to within a percent or so.")

    @classmethod
    def of(cls, counting: Counting) -> "RecountOut | None":
        """None: no policy is pending."""
        if counting.pending is None:
            return None
        return cls(version=counting.pending.version, persons=counting.persons, percent=counting.percent)


class PolicyOut(BaseModel):
    """A policy; its `version` is on every figure counted by it."""

    version: int
    recognition: Recognition
    grace_days: int
    dunning_days: int | None
    pause_is_churn: bool
    free_is_churn: bool
    set_at: datetime | None = Field(None, description="Since when it holds; null: since the beginning.")
    is_counted: bool = Field(description="Whether all history was counted by it; false while that goes on.")
    recount: RecountOut | None = Field(description="How far that is; null: done, or given up for a newer policy.")

    @classmethod
    def of(cls, stored: StoredPolicy, counting: Counting) -> "PolicyOut":
        """As stored."""
        is_pending = stored.policy == counting.pending
        return cls(
            **stored.policy._asdict(),
            set_at=stored.set_at,
            is_counted=stored.is_counted,
            recount=RecountOut.of(counting) if is_pending else None,
        )


class PoliciesOut(BaseModel):
    """The policy that figures are of, one that is yet to be, and the hundred before, the newest first."""

    current: PolicyOut
    pending: PolicyOut | None = Field(description="null: none is.")
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
