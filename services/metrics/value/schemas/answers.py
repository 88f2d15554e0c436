"""Wire forms of what customers will probably bring: all of them, a segment's, or one."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from services.metrics.domain import calendar
from services.metrics.schemas import Explaining
from services.metrics.value.domain.answers import One, Total
from services.metrics.value.domain.buying import Model
from services.metrics.value.domain.one import LEVEL
from services.metrics.value.schemas.estimates import (
    CoverageOut,
    EstimateOut,
    IntervalOut,
    WhyOut,
    major,
    money,
    money_of_all,
    of_customers,
    plain,
    whys,
)


class _Answer(Explaining):
    as_of: date
    time_zone: str
    currency: str | None
    horizon_days: int
    annual_discount: float
    margin: str
    staleness_seconds: float | None
    model: Model | None = Field(description="The model of buying that is served; null: none is.")
    fit: UUID | None = Field(description="The fit it is of: see /v1/metrics/models.")
    fitted_at: datetime | None
    fit_as_of: date | None = Field(description="The day that was fitted for; after `as_of`, it knew what came later.")
    reasons: list[WhyOut] = Field(description="Why it cannot be said; empty: it can.")

    def made_by(self) -> dict[str, int | float | str]:
        """How far ahead, discounted by what, at which margin, by which model and fit."""
        found: dict[str, int | float | str] = {
            "horizon_days": self.horizon_days,
            "annual_discount": self.annual_discount,
            "margin": self.margin,
        }
        if self.model is not None:
            found["model"] = self.model
        if self.fit is not None:
            found["fit"] = str(self.fit)
        return found


class TotalOut(_Answer):
    """What all customers whose purchases are in one currency, or those of a segment, will probably bring."""

    segment: UUID | None
    customers: int
    in_several_currencies: int = Field(description="Customers valued in no currency, having bought in several.")
    predicted_clv_total: EstimateOut
    predicted_clv: EstimateOut
    expected_purchases: EstimateOut
    expected_buyers: EstimateOut
    expected_alive: EstimateOut | None

    @classmethod
    def of(cls, total: Total, margin: str, time_zone: str) -> Self:
        """As answered."""
        found, code = total.found, total.currency
        fit = None if total.stored is None else total.stored.fit
        worth = None if found is None else found.worth
        value = None if worth is None else worth.value_minor
        mean = None if worth is None or not worth.customers else worth.value_minor / worth.customers
        tells_alive = fit is not None and fit.chosen not in (None, "bg_nbd")
        return cls(
            **_common(total, margin, time_zone),
            segment=total.segment,
            customers=total.customers,
            in_several_currencies=total.in_several_currencies,
            predicted_clv_total=money_of_all("predicted_clv_total.v1", value, code, fit, found),
            predicted_clv=money_of_all("predicted_clv.v1", mean, code, fit, found),
            expected_purchases=plain("expected_purchases.v1", "purchases", worth and worth.purchases),
            expected_buyers=plain("expected_buyers.v1", "customers", worth and worth.active),
            expected_alive=plain("expected_alive.v1", "customers", worth and worth.alive) if tells_alive else None,
        )


class PredictionOut(_Answer):
    """What one customer will probably do."""

    customer: UUID
    keys: list[UUID]
    churn_risk: EstimateOut
    alive: EstimateOut | None = Field(description="null: the model that is served says nothing of it.")
    expected_purchases: EstimateOut
    expected_spend: EstimateOut
    predicted_clv: EstimateOut

    @classmethod
    def of(cls, one: One, margin: str, time_zone: str) -> Self:
        """As answered."""
        found, code = one.found, one.currency
        clv = money("predicted_clv.v1", found and found.value_minor, code)
        purchases = plain("expected_purchases.v1", "purchases", found and found.purchases)
        if found is not None:
            low, high = found.range_minor
            clv.interval = _drawn(one, "value", major(low, code), major(high, code))
            purchases.interval = _drawn(one, "purchases", *found.purchases_range)
        return cls(
            **_common(one, margin, time_zone),
            customer=one.customer,
            keys=list(one.keys),
            churn_risk=plain("churn_risk.v1", "probability", found and found.silent),
            alive=None if found is None or found.alive is None else plain("alive.v1", "probability", found.alive),
            expected_purchases=purchases,
            expected_spend=money("expected_spend.v1", found and found.spend_minor, code),
            predicted_clv=clv,
        )


def _drawn(one: One, figure: str, low: float | str, high: float | str) -> IntervalOut:
    return IntervalOut(
        low=low,
        high=high,
        level=LEVEL,
        method="lives drawn from the fitted model, undiscounted",
        coverage=_measured(one, figure),
    )


def _measured(one: One, figure: str) -> CoverageOut | None:
    trial = None if one.stored is None else one.stored.fit.trial
    if trial is None:
        return None
    found = (each for each in trial.coverage if each.figure == figure and each.level == LEVEL)
    return next((of_customers(each, trial.horizon_days) for each in found), None)


def _common(answer: Total | One, margin: str, time_zone: str) -> dict[str, object]:
    stored = answer.stored
    return {
        "as_of": answer.as_of,
        "time_zone": time_zone,
        "currency": answer.currency,
        "horizon_days": answer.asked.horizon_days,
        "annual_discount": answer.asked.annual_discount,
        "margin": margin,
        "staleness_seconds": answer.staleness_seconds,
        "model": None if stored is None else stored.fit.chosen,
        "fit": None if stored is None else stored.id,
        "fitted_at": None if stored is None else stored.fitted_at,
        "fit_as_of": None if stored is None else calendar.to_date(stored.fit.day),
        "reasons": whys(answer.reasons),
    }
