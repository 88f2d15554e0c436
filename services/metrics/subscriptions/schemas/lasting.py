"""Wire models of how long subscriptions last, and what that is worth."""

from datetime import date
from fractions import Fraction

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import to_date
from services.metrics.figures.schemas import FigureOut
from services.metrics.schemas import Explained, hand_down
from services.metrics.subscriptions.domain.cohorts import Age, Cohorts, Row
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from services.metrics.subscriptions.domain.report import Value
from services.metrics.subscriptions.domain.worth import (
    LEVEL,
    MIN_LOST,
    MIN_RENEWALS,
    MIN_SUBSCRIPTIONS,
    Model,
    Paid,
    Problem,
    Renewal,
    Worth,
)
from services.metrics.subscriptions.schemas.figures import AnswerOut, Figures, figure_out, figures_out
from shared.money import to_decimal_string

SENTENCES: dict[Problem, str] = {
    "no_subscriptions": "No subscription with a price in this currency was ever heard of.",
    "too_few_subscriptions": f"Fewer than {MIN_SUBSCRIPTIONS} subscriptions have come to a renewal.",
    "too_few_lost": f"Fewer than {MIN_LOST} subscriptions were lost at a renewal.",
    "too_few_renewals": f"Subscriptions were lost at fewer than {MIN_RENEWALS} different renewals.",
    "not_identified": "No model has one best fit here: subscriptions may all be lost at the same rate.",
}


class AgeOut(BaseModel):
    """A cohort so many months after its own."""

    months: int
    month: date
    is_complete: bool
    customers: FigureOut
    revenue: Figures = Field(description="By currency.")

    @classmethod
    def of(cls, age: Age) -> "AgeOut":
        """As found."""
        return cls.model_construct(
            months=age.months,
            month=to_date(age.month),
            is_complete=age.is_complete,
            customers=figure_out(age.people),
            revenue=figures_out(age.revenue),
        )


class CohortOut(BaseModel):
    """Everybody who first subscribed in a month."""

    month: date
    customers: FigureOut
    ages: list[AgeOut]

    @classmethod
    def of(cls, row: Row) -> "CohortOut":
        """As found."""
        ages = [AgeOut.of(each) for each in row.ages]
        return cls.model_construct(month=to_date(row.month), customers=figure_out(row.size), ages=ages)


class CohortsOut(AnswerOut):
    """Cohorts, the oldest first; `together` weighs each by its people, and leaves out months that still run."""

    cohorts: list[CohortOut]
    together: list[FigureOut]

    @classmethod
    def of(cls, found: Cohorts) -> "CohortsOut":
        """As found."""
        return cls.model_construct(
            **cls.frame(found),  # type: ignore[arg-type]
            cohorts=[CohortOut.of(each) for each in found.rows],
            together=[figure_out(each) for each in found.together],
        )


class WhyNotOut(BaseModel):
    """Why something cannot be said."""

    code: Problem
    detail: str

    @classmethod
    def of(cls, problem: Problem | None) -> "list[WhyNotOut]":
        """None: it can be said."""
        return [] if problem is None else [cls(code=problem, detail=SENTENCES[problem])]


class RenewalOut(Explained):
    """Subscriptions that came to a renewal, and stayed; survival by Kaplan-Meier, and as the model has it."""

    number: int
    stayed: int
    came: int
    survival: float
    modelled: float | None

    @classmethod
    def of(cls, renewal: Renewal) -> "RenewalOut":
        """As found."""
        return cls(
            definition=SUBSCRIPTION["subscription_survival"].id,
            numerator=renewal.stayed,
            denominator=renewal.came,
            **renewal._asdict(),
        )


class PaidOut(Explained):
    """What is expected to be paid, in major units; the interval is that of the model's parameters."""

    value: str
    low: str
    high: str
    level: float = LEVEL

    @classmethod
    def of(cls, paid: Paid, currency: str) -> "PaidOut":
        """In major units."""
        return cls(
            definition=SUBSCRIPTION["subscription_value"].id,
            value=_major(paid.minor, currency),
            low=_major(paid.low, currency),
            high=_major(paid.high, currency),
        )


class WorthOut(BaseModel):
    """Subscriptions paid for in one interval."""

    interval: str = Field(description="m1: each month, m12: each year, d14: every fortnight.")
    subscriptions: int
    open: int = Field(description="Of them, those that nothing known will end.")
    model: Model | None
    parameters: dict[str, float] | None
    standard_errors: dict[str, float] | None
    log_likelihood: float | None
    expected: PaidOut | None
    renewals: list[RenewalOut]
    reasons: list[WhyNotOut]

    @classmethod
    def of(cls, worth: Worth, currency: str) -> "WorthOut":
        """As found."""
        fit = worth.fit
        return cls(
            interval=worth.period,
            subscriptions=worth.subscriptions,
            open=worth.open,
            model=worth.model,
            parameters=None if fit is None else dict(zip("abc", fit.parameters, strict=False)),
            standard_errors=None
            if fit is None or fit.standard_errors is None
            else dict(zip("abc", fit.standard_errors, strict=False)),
            log_likelihood=None if fit is None else fit.log_likelihood,
            expected=None if worth.paid is None else PaidOut.of(worth.paid, currency),
            renewals=[RenewalOut.of(each) for each in worth.renewals],
            reasons=WhyNotOut.of(worth.problem),
        )


class ValueOut(AnswerOut):
    """What subscriptions are worth. The total is of those intervals alone that can be valued."""

    currency: str | None
    annual_discount: float
    horizon_months: int
    total: Figures
    by_interval: list[WorthOut]
    reasons: list[WhyNotOut] = Field(description="Why no interval can be valued, and so no total; empty: one can.")

    @classmethod
    def of(cls, found: Value) -> "ValueOut":
        """As found."""
        answer = cls.model_construct(
            **cls.frame(found),  # type: ignore[arg-type]
            currency=found.currency,
            annual_discount=found.asked.annual_discount,
            horizon_months=found.asked.horizon_months,
            total=figures_out(found.figures),
            by_interval=[WorthOut.of(each, found.currency or "") for each in found.worths],
            reasons=[why for each in _problems(found) for why in WhyNotOut.of(each)],
        )
        made_by = {"annual_discount": answer.annual_discount, "horizon_months": answer.horizon_months}
        return hand_down(answer, made_by)


def _problems(found: Value) -> list[Problem | None]:
    """Why there is no total: where no interval can be valued, what stands in the way of each."""
    if found.problem is not None or any(each.paid is not None for each in found.worths):
        return [found.problem]
    return list(dict.fromkeys(each.problem for each in found.worths))


def _major(minor: Fraction, currency: str) -> str:
    return to_decimal_string(round(minor), currency)
