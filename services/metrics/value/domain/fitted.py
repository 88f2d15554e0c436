"""What a fit is: the models, the trial that chose one, and why none is served if none is. Made to be stored as JSON."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.newton import Fit
from services.metrics.value.domain.buying import Buying, Model
from services.metrics.value.domain.trial import Score, Trial

Reason = Literal[
    "no_fit_yet",
    "too_few_customers",
    "too_few_repeaters",
    "too_short_history",
    "several_currencies",
    "buying_not_identified",
    "spending_not_identified",
    "baseline_not_beaten",
]
# Below these nothing is said: what little there is would be drawn from noise.
MIN_CUSTOMERS, MIN_REPEATERS, MIN_DAYS = 500, 100, 180


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class Parameters(_Stored):
    """Where a likelihood is highest, and how sure that is."""

    parameters: tuple[float, ...]
    standard_errors: tuple[float, ...] | None
    covariance: tuple[tuple[float, ...], ...] | None
    log_likelihood: float
    steps: int
    problem: str | None

    @classmethod
    def of(cls, fit: Fit) -> "Parameters":
        """As found."""
        covariance = None if fit.covariance is None else tuple(map(tuple, fit.covariance.tolist()))
        return cls(
            parameters=fit.parameters,
            standard_errors=fit.standard_errors,
            covariance=covariance,
            log_likelihood=fit.log_likelihood,
            steps=fit.steps,
            problem=fit.problem,
        )

    @property
    def spread(self) -> Array:
        """Covariance of the logarithms of the parameters."""
        return np.array(self.covariance, dtype=np.float64)


class Judged(_Stored):
    """A score, as it is told."""

    log_loss: float
    brier: float
    expected_purchases: float
    actual_purchases: float
    calibration: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, score: Score) -> "Judged":
        """As judged."""
        return cls(
            log_loss=score.log_loss,
            brier=score.brier,
            expected_purchases=score.expected_purchases,
            actual_purchases=score.actual_purchases,
            calibration=tuple((bin_.people, bin_.predicted, bin_.actual) for bin_ in score.calibration),
        )


class Tried(_Stored):
    """A back-test: the days that each cut was made after, and how everybody did. `best` None: nobody beat the table.

    `mark` is what there was to try it on, as in `Fitted`.
    """

    horizon_days: int
    cuts: tuple[int, ...]
    people: int
    baseline: Judged
    scores: dict[Model, Judged]
    best: Model | None
    mark: tuple[int, int, int]

    @classmethod
    def of(cls, trial: Trial, cuts: tuple[int, ...], mark: tuple[int, int, int]) -> "Tried":
        """As tried."""
        scores = {model: Judged.of(score) for model, score in trial.scores.items()}
        return cls(
            horizon_days=trial.horizon_days,
            cuts=cuts,
            people=trial.people,
            baseline=Judged.of(trial.baseline),
            scores=scores,
            best=trial.chosen,
            mark=mark,
        )


class Fitted(_Stored):
    """All that a fit of one currency's customers says, as of the end of `day`.

    `mark` is what it was fitted to (customers, days bought again, money spent again): it is fitted anew when that has
    moved. `error` is the standard error of the logarithm of the total value a year ahead, `mean_minor` that
    value per customer, before the margin.
    """

    currency: str
    day: int
    mark: tuple[int, int, int]
    repeaters: int
    models: dict[Model, Parameters]
    spending: Parameters | None
    trial: Tried | None
    chosen: Model | None
    reasons: tuple[Reason, ...]
    error: float | None
    mean_minor: float | None
    independence: float | None

    @property
    def buying(self) -> Buying | None:
        """The model that is served."""
        return None if self.chosen is None else Buying(self.chosen, self.models[self.chosen].parameters)

    @property
    def spend(self) -> gamma_gamma.Parameters | None:
        """What purchases are expected to be."""
        return None if self.spending is None else gamma_gamma.Parameters(*self.spending.parameters)

    @property
    def miss(self) -> float:
        """How far the served model's total was off in the back-test, as a logarithm."""
        if self.trial is None or self.chosen is None:
            return 0.0
        score = self.trial.scores[self.chosen]
        return float(abs(np.log(max(score.actual_purchases, 1.0) / max(score.expected_purchases, 1e-9))))

    def document(self) -> Mapping[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")
