"""Wire forms of fits: every model, how it did on the past, and what its intervals held."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain import calendar
from services.metrics.domain.models.gamma_gamma import Parameters as Spending
from services.metrics.value.domain.answers import Stored
from services.metrics.value.domain.backtest import Tried
from services.metrics.value.domain.buying import PARAMETERS, Model
from services.metrics.value.domain.coverage import LEVELS
from services.metrics.value.domain.fitted import Fitted, Parameters
from services.metrics.value.domain.past import Tracking
from services.metrics.value.domain.trial import Score
from services.metrics.value.schemas.estimates import CoverageOut, WhyOut, of_customers, of_totals, whys


class BinOut(BaseModel):
    """A tenth of all people, by the chance to buy that they were given."""

    people: int
    predicted: float = Field(description="Mean chance to buy within the horizon.")
    actual: float = Field(description="Share that did.")


class TrialScoreOut(BaseModel):
    """How well somebody foretold who buys within the horizon of the back-test."""

    log_loss: float
    brier: float
    expected_purchases: float
    actual_purchases: float
    calibration_error: float = Field(description="How far the tenths are off, over all people.")
    calibration: list[BinOut] = Field(description="The newest round by tenths of what was predicted, lowest first.")

    @classmethod
    def of(cls, score: Score) -> Self:
        """As stored."""
        return cls(
            log_loss=score.log_loss,
            brier=score.brier,
            expected_purchases=score.expected_purchases,
            actual_purchases=score.actual_purchases,
            calibration_error=score.calibration_error,
            calibration=[
                BinOut(people=round(each.people), predicted=each.predicted, actual=each.actual)
                for each in score.calibration
            ],
        )


class FitOut(BaseModel):
    """One model as it was fitted: parameters in days, by name."""

    parameters: dict[str, float]
    standard_errors: dict[str, float] | None
    log_likelihood: float
    steps: int
    problem: str | None = Field(description="Why it has no one best fit; null: it has.")
    trial: TrialScoreOut | None = Field(None, description="null: it was in no trial, of buying or for its problem.")

    @classmethod
    def of(cls, fit: Parameters, names: tuple[str, ...], score: Score | None = None) -> Self:
        """As stored."""
        errors = fit.standard_errors
        return cls(
            parameters=dict(zip(names, fit.parameters, strict=True)),
            standard_errors=None if errors is None else dict(zip(names, errors, strict=True)),
            log_likelihood=fit.log_likelihood,
            steps=fit.steps,
            problem=fit.problem,
            trial=None if score is None else TrialScoreOut.of(score),
        )


class WeekOut(BaseModel):
    """Days bought again on, from the beginning up to the end of a week."""

    end: date
    is_foretold: bool = Field(description="Whether it ends after the day that the models were fitted to.")
    actual: int
    expected: dict[Model, float]


class TrackingOut(BaseModel):
    """Repeat purchases week by week, cumulated, of all who had come before the newest cut of the back-test."""

    fitted_to: date = Field(description="The cut: what models were fitted to lies before its end.")
    weeks: list[WeekOut]

    @classmethod
    def of(cls, tracking: Tracking) -> Self:
        """As stored."""
        return cls(
            fitted_to=calendar.to_date(tracking.cut),
            weeks=[
                WeekOut(
                    end=calendar.to_date(end),
                    is_foretold=end > tracking.cut,
                    actual=actual,
                    expected={model: values[place] for model, values in tracking.expected.items()},
                )
                for place, (end, actual) in enumerate(zip(tracking.week_ends, tracking.actual, strict=True))
            ],
        )


class RoundOut(BaseModel):
    """All purchases after a cut, as the best model foretold them."""

    cut: date
    expected_purchases: float
    actual_purchases: float
    standard_error: float = Field(description="Of the logarithm of what was expected: parameters and luck.")


class TrialOut(BaseModel):
    """The rolling back-test; scores of the models stand beside each."""

    horizon_days: int
    cuts: list[date] = Field(description="The last days that models knew of, a round each.")
    people: int = Field(description="Customers in all rounds.")
    baseline: TrialScoreOut = Field(
        description="What people who had bought as often and been silent as long did in the window before."
    )
    best: Model | None = Field(description="The model with the least log loss; null: none did better than the table.")
    rounds: list[RoundOut]
    coverage: list[CoverageOut] = Field(description="What the best model's intervals held of what came.")
    tracking: TrackingOut | None

    @classmethod
    def of(cls, fit: Fitted, trial: Tried) -> Self:
        """As stored."""
        totals = (of_totals(fit, level) for level in LEVELS)
        return cls(
            horizon_days=trial.horizon_days,
            cuts=[calendar.to_date(each) for each in trial.cuts],
            people=trial.people,
            baseline=TrialScoreOut.of(trial.baseline),
            best=trial.best,
            rounds=[
                RoundOut(
                    cut=calendar.to_date(each.cut),
                    expected_purchases=each.expected,
                    actual_purchases=each.actual,
                    standard_error=each.error,
                )
                for each in trial.totals
            ],
            coverage=[
                *(of_customers(each, trial.horizon_days) for each in trial.coverage),
                *(each for each in totals if each is not None),
            ],
            tracking=None if trial.tracking is None else TrackingOut.of(trial.tracking),
        )


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
    models: dict[str, FitOut] = Field(
        description="The one that is served is as of the fit; the others may be as of the last back-test."
    )
    trial: TrialOut | None
    spending: FitOut | None
    independence: float | None = Field(
        description="Correlation of how often and how much, which the model of spending takes to be none."
    )

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """As stored."""
        fit, trial = stored.fit, stored.fit.trial
        scores = {} if trial is None else trial.scores
        return cls(
            id=stored.id,
            currency=fit.currency,
            as_of=calendar.to_date(fit.day),
            fitted_at=stored.fitted_at,
            customers=fit.mark[0],
            repeaters=fit.repeaters,
            served=fit.chosen,
            reasons=whys(fit.reasons),
            models={name: FitOut.of(each, PARAMETERS[name], scores.get(name)) for name, each in fit.models.items()},
            trial=None if trial is None else TrialOut.of(fit, trial),
            spending=None if fit.spending is None else FitOut.of(fit.spending, Spending._fields),
            independence=fit.independence,
        )
