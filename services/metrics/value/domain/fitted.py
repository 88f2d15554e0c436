"""What a fit is: the models, the trial that chose one, and why none is served if none is. Made to be stored as JSON."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.newton import Fit
from services.metrics.value.domain.backtest import Mark, Tried
from services.metrics.value.domain.buying import Buying, Model
from services.metrics.value.domain.one import LEVEL, Widths

Reason = Literal[
    "no_fit_yet",
    "no_purchase_yet",
    "too_few_customers",
    "too_few_repeaters",
    "too_short_history",
    "several_currencies",
    "buying_not_identified",
    "spending_not_identified",
    "one_customer_dominates",
    "baseline_not_beaten",
]
# Below these nothing is said: what little there is would be drawn from noise.
MIN_CUSTOMERS, MIN_REPEATERS, MIN_DAYS = 500, 100, 180
# Of a 95 % interval.
Z = 1.959964


class Parameters(BaseModel, frozen=True):
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


class Fitted(BaseModel, frozen=True):
    """All that a fit of one currency's customers says, as of the end of `day`.

    `mark` is what it was fitted to (customers, days bought again, money spent again): it is fitted anew when that has
    moved. `error` is the standard error of the logarithm of the total value a year ahead, `mean_minor` that
    value per customer, before the margin.
    """

    currency: str
    day: int
    mark: Mark
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
    def covariances(self) -> tuple[Array, Array] | None:
        """Of the logarithms of the parameters of buying and of spending; None: they are not known."""
        buying = None if self.chosen is None else self.models[self.chosen]
        if buying is None or buying.covariance is None or self.spending is None or self.spending.covariance is None:
            return None
        return buying.spread, self.spending.spread

    @property
    def miss(self) -> float:
        """How far the served model's total was off in the worst round of the back-test, as a logarithm."""
        return 0.0 if self.trial is None else max((each.miss for each in self.trial.totals), default=0.0)

    @property
    def widths(self) -> Widths:
        """The levels that a customer's intervals are drawn at, for LEVEL of all outcomes to lie in them."""
        found = () if self.trial is None else self.trial.coverage
        return Widths(**{each.figure: each.drawn_at for each in found if each.level == LEVEL})

    def spread(self, error: float, purchases: float) -> tuple[float, float]:
        """Half the width of a total's 95 % interval, as a logarithm: as the model has it, and as it is served.

        The first is how unsure the parameters are (`error`) and what is luck among so many `purchases`; the second is
        widened by how far the back-test was off at worst.
        """
        luck = 0.0 if self.trial is None else (self.trial.luck or 0.0)
        own = Z * float(np.hypot(error, luck / np.sqrt(max(purchases, 1.0))))
        return own, float(np.hypot(own, self.miss))

    def document(self) -> Mapping[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")
