"""A fitted model of buying, whichever it is: what it says of somebody with a history, days and arrays throughout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from services.metrics.domain.models import betageo, pareto, residual
from services.metrics.domain.models.histories import Array, Histories
from services.metrics.domain.models.newton import Fit

Model = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]
MODELS: tuple[Model, ...] = get_args(Model)
PARAMETERS: Mapping[Model, tuple[str, ...]] = {
    "bg_nbd": ("r", "alpha", "a", "b"),
    "mbg_nbd": ("r", "alpha", "a", "b"),
    "pareto_nbd": ("r", "alpha", "s", "beta"),
}


@dataclass(frozen=True, slots=True)
class Buying:
    """A model with its parameters, in days."""

    model: Model
    parameters: tuple[float, ...]

    def alive(self, repeats: Array, recency: Array, age: Array) -> Array:
        """How likely it is that they still are customers. Of BG/NBD no churn risk: it says 1 of all who bought once."""
        if self.model == "pareto_nbd":
            return pareto.alive(pareto.Parameters(*self.parameters), repeats, recency, age)
        return betageo.alive(betageo.Parameters(*self.parameters), self.model, repeats, recency, age)

    def purchases(self, repeats: Array, age: Array, days: Array, discount: float = 0.0) -> Array:
        """Purchases of somebody alive within each of `days` (ascending), shape (histories, days)."""
        if self.model == "pareto_nbd":
            return residual.pareto(pareto.Parameters(*self.parameters), repeats, age, days, discount)
        return residual.betageo(betageo.Parameters(*self.parameters), self.model, repeats, age, days, discount)

    def silent(self, repeats: Array, recency: Array, age: Array, days: float) -> Array:
        """How likely it is that they buy nothing within `days`: the churn risk that can be seen to come true."""
        if self.model == "pareto_nbd":
            return pareto.silent(pareto.Parameters(*self.parameters), repeats, recency, age, days)
        of = betageo.Parameters(*self.parameters)
        none = np.exp((of.r + repeats) * (np.log(of.alpha + age) - np.log(of.alpha + age + days)))
        return np.asarray(1 - self.alive(repeats, recency, age) * (1 - none), dtype=np.float64)


def fit(model: Model, histories: Histories, start: tuple[float, ...] | None = None) -> Fit:
    """The most likely parameters of these histories; `start` is where an earlier fit ended."""
    if model == "pareto_nbd":
        return pareto.fit(histories, None if start is None else pareto.Parameters(*start))
    return betageo.fit(histories, model, None if start is None else betageo.Parameters(*start))
