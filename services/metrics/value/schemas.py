"""Wire forms of predicted value. Money is a decimal string in major units; what cannot be said is null, with why."""

import math
from datetime import date, datetime
from fractions import Fraction
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain.models.gamma_gamma import Parameters as Spending
from services.metrics.value.domain.answers import One, Stored, Total
from services.metrics.value.domain.buying import PARAMETERS, Model
from services.metrics.value.domain.fitted import (
    MIN_CUSTOMERS,
    MIN_DAYS,
    MIN_REPEATERS,
    Fitted,
    Judged,
    Parameters,
    Reason,
)
from services.metrics.value.domain.one import LEVEL
from shared.money import EXPONENTS, to_decimal_string

Z = 1.959964
SENTENCES: dict[Reason, str] = {
    "no_fit_yet": "No model was fitted yet; one is within minutes, once there are purchases enough.",
    "too_few_customers": f"Fewer than {MIN_CUSTOMERS} customers: what little there is would be drawn from noise.",
    "too_few_repeaters": f"Fewer than {MIN_REPEATERS} customers bought again.",
    "too_short_history": f"The first purchase is less than {MIN_DAYS} days ago, or too little came before for a trial.",
    "several_currencies": "Purchases in several currencies are never added, and no rate is known.",
    "buying_not_identified": "No model of buying has one best fit here; customers may all be alike.",
    "spending_not_identified": "What is spent varies too little, or so wildly that its mean is nothing to go by.",
    "baseline_not_beaten": "In the back-test no model foretold who buys better than a table of the window before did.",
}


class WhyOut(BaseModel):
    """Why something cannot be said."""

    code: Reason
    detail: str


class IntervalOut(BaseModel):
    """Between what it probably lies."""

    low: str
    high: str
    level: float
    method: str


class EstimateOut(BaseModel):
    """One figure, which explains itself."""

    value: float | str | None
    unit: Literal["money", "purchases", "customers", "probability"]
    definition: str
    interval: IntervalOut | None = None


class TrialScoreOut(BaseModel):
    """How well somebody foretold who buys within the horizon of the back-test."""

    log_loss: float
    brier: float
    expected_purchases: float
    actual_purchases: float
    calibration: list[tuple[float, float, float]] = Field(
        description="People by tenths of their chance to buy, in the newest round: people, predicted, actual."
    )

    @classmethod
    def of(cls, judged: Judged) -> "TrialScoreOut":
        """As stored."""
        return cls.model_validate(judged.model_dump())


class FitOut(BaseModel):
    """One model as it was fitted: parameters in days, by name."""

    parameters: dict[str, float]
    standard_errors: dict[str, float] | None
    log_likelihood: float
    steps: int
    problem: str | None
    trial: TrialScoreOut | None = None


class ModelsOut(BaseModel):
    """All models of a currency, and which is served."""

    id: UUID
    currency: str
    as_of: date
    fitted_at: datetime
    customers: int
    repeaters: int
    served: Model | None
    reasons: list[WhyOut]
    horizon_days: int | None = Field(description="Of the back-test.")
    baseline: TrialScoreOut | None = Field(
        description="What people who had bought as often and been silent as long did in the window before."
    )
    models: dict[str, FitOut]
    spending: FitOut | None
    independence: float | None = Field(
        description="Correlation of how often and how much, which the model of spending takes to be none."
    )

    @classmethod
    def of(cls, stored: Stored, as_of: date) -> "ModelsOut":
        """As stored."""
        fit = stored.fit
        return cls(
            id=stored.id,
            currency=fit.currency,
            as_of=as_of,
            fitted_at=stored.fitted_at,
            customers=fit.mark[0],
            repeaters=fit.repeaters,
            served=fit.chosen,
            reasons=whys(fit.reasons),
            horizon_days=None if fit.trial is None else fit.trial.horizon_days,
            baseline=None if fit.trial is None else TrialScoreOut.of(fit.trial.baseline),
            models={model: _fit_out(each, PARAMETERS[model], _score(fit, model)) for model, each in fit.models.items()},
            spending=None if fit.spending is None else _fit_out(fit.spending, Spending._fields, None),
            independence=fit.independence,
        )


def _score(fit: Fitted, model: Model) -> TrialScoreOut | None:
    score = None if fit.trial is None else fit.trial.scores.get(model)
    return None if score is None else TrialScoreOut.of(score)


def _fit_out(fit: Parameters, names: tuple[str, ...], trial: TrialScoreOut | None) -> FitOut:
    return FitOut(
        parameters=dict(zip(names, fit.parameters, strict=True)),
        standard_errors=None if fit.standard_errors is None else dict(zip(names, fit.standard_errors, strict=True)),
        log_likelihood=fit.log_likelihood,
        steps=fit.steps,
        problem=fit.problem,
        trial=trial,
    )


class _Answer(BaseModel):
    as_of: date
    currency: str | None
    horizon_days: int
    annual_discount: float
    margin: str
    staleness_seconds: float | None
    model: Model | None = Field(description="The model of buying that is served; null: none is.")
    fit: UUID | None = Field(description="The fit it is of: see /v1/metrics/models.")
    fitted_at: datetime | None
    reasons: list[WhyOut] = Field(description="Why it cannot be said; empty: it can.")


class TotalOut(_Answer):
    """What all customers whose purchases are in one currency will probably bring."""

    customers: int
    in_several_currencies: int = Field(description="Customers valued in no currency, having bought in several.")
    predicted_clv_total: EstimateOut
    predicted_clv: EstimateOut
    expected_purchases: EstimateOut
    expected_buyers: EstimateOut
    expected_alive: EstimateOut | None

    @classmethod
    def of(cls, total: Total, margin: str) -> "TotalOut":
        """As answered."""
        found, code = total.found, total.currency
        fit = None if total.stored is None else total.stored.fit
        spread = 0.0 if fit is None else math.hypot(Z * (fit.error or 0.0), fit.miss)
        value = None if found is None else found.value_minor
        mean = None if found is None or not found.customers else found.value_minor / found.customers
        tells_alive = fit is not None and fit.chosen not in (None, "bg_nbd")
        return cls(
            **_common(total, margin),
            customers=total.customers,
            in_several_currencies=total.in_several_currencies,
            predicted_clv_total=_money("predicted_clv_total.v1", value, code, spread),
            predicted_clv=_money("predicted_clv.v1", mean, code, spread),
            expected_purchases=_plain("expected_purchases.v1", "purchases", found and found.purchases),
            expected_buyers=_plain("expected_buyers.v1", "customers", found and found.active),
            expected_alive=_plain("expected_alive.v1", "customers", found and found.alive) if tells_alive else None,
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
    def of(cls, one: One, margin: str) -> "PredictionOut":
        """As answered."""
        found, code = one.found, one.currency
        clv = _money("predicted_clv.v1", found and found.value_minor, code, 0.0)
        if found is not None:
            clv.interval = IntervalOut(
                low=_major(found.low_minor, code),
                high=_major(found.high_minor, code),
                level=LEVEL,
                method="lives drawn from the fitted model, undiscounted",
            )
        return cls(
            **_common(one, margin),
            customer=one.customer,
            keys=list(one.keys),
            churn_risk=_plain("churn_risk.v1", "probability", found and found.silent),
            alive=None if found is None or found.alive is None else _plain("alive.v1", "probability", found.alive),
            expected_purchases=_plain("expected_purchases.v1", "purchases", found and found.purchases),
            expected_spend=_money("expected_spend.v1", found and found.spend_minor, code, 0.0),
            predicted_clv=clv,
        )


def whys(reasons: tuple[Reason, ...]) -> list[WhyOut]:
    """With a sentence each."""
    return [WhyOut(code=each, detail=SENTENCES[each]) for each in reasons]


def _common(answer: Total | One, margin: str) -> dict[str, object]:
    fit = None if answer.stored is None else answer.stored.fit
    return {
        "as_of": answer.as_of,
        "currency": answer.currency,
        "horizon_days": answer.asked.horizon_days,
        "annual_discount": answer.asked.annual_discount,
        "margin": margin,
        "staleness_seconds": answer.staleness_seconds,
        "model": None if fit is None else fit.chosen,
        "fit": None if answer.stored is None else answer.stored.id,
        "fitted_at": None if answer.stored is None else answer.stored.fitted_at,
        "reasons": whys(answer.reasons),
    }


def _plain(definition: str, unit: Literal["purchases", "customers", "probability"], value: float | None) -> EstimateOut:
    return EstimateOut(value=value, unit=unit, definition=definition)


def _money(definition: str, minor: float | None, currency: str | None, spread: float) -> EstimateOut:
    out = EstimateOut(value=None if minor is None else _major(minor, currency), unit="money", definition=definition)
    if minor is not None and spread:
        out.interval = IntervalOut(
            low=_major(minor * math.exp(-spread), currency),
            high=_major(minor * math.exp(spread), currency),
            level=0.95,
            method="standard error of the parameters, and how far the back-test's total was off",
        )
    return out


def _major(minor: float, currency: str | None) -> str:
    whole = round(Fraction(minor))
    return to_decimal_string(whole, currency) if currency in EXPONENTS else str(whole)
