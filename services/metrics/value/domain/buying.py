"""A fitted model of buying, whichever it is: what it says of somebody with a history, days and arrays throughout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from services.metrics.domain.models import betageo, pareto, residual
from services.metrics.domain.models.histories import Array, Histories, pairs
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

    def purchases(self, repeats: Array, age: Array, days: float) -> Array:
        """Purchases within `days` of somebody alive, by history."""
        return np.asarray(self.ahead(repeats, age, days, (0.0,))[0], dtype=np.float64)

    def ahead(self, repeats: Array, age: Array, days: float, discounts: Sequence[float]) -> Array:
        """The same by each of several continuous discounts per day: shape (discounts, histories).

        What is expected of whoever is alive depends on repeats and age alone: there are far fewer such pairs.
        """
        if (found := self.course(repeats, age).tabled(days, discounts)) is not None:
            return found
        often, long, place = pairs(repeats, age)
        return np.asarray(self.course(often, long).until(days, discounts)[:, place], dtype=np.float64)

    def course(self, repeats: Array, age: Array) -> residual.Course:
        """How often somebody alive will buy, as time goes on."""
        if self.model == "pareto_nbd":
            return residual.pareto(pareto.Parameters(*self.parameters), repeats, age)
        return residual.betageo(betageo.Parameters(*self.parameters), self.model, repeats, age)

    def silent(self, repeats: Array, recency: Array, age: Array, days: float) -> Array:
        """How likely it is that they buy nothing within `days`: the churn risk that can be seen to come true."""
        if self.model == "pareto_nbd":
            return pareto.silent(pareto.Parameters(*self.parameters), repeats, recency, age, days)
        return 1 - self.active(repeats, recency, age, days, self.alive(repeats, recency, age))

    def active(self, repeats: Array, recency: Array, age: Array, days: float, alive: Array) -> Array:
        """How likely it is that they buy within `days`, where it is known how likely they are alive."""
        if self.model == "pareto_nbd":
            return 1 - self.silent(repeats, recency, age, days)
        return np.asarray(alive * self.bought(repeats, age, days), dtype=np.float64)

    def bought(self, repeats: Array, age: Array, days: float) -> Array:
        """How likely somebody alive is to buy within `days`: when they bought last says no more of whoever is alive."""
        if self.model == "pareto_nbd":
            # Whoever has just bought is alive for certain.
            return 1 - self.silent(repeats, age, age, days)
        of = betageo.Parameters(*self.parameters)
        silent = (of.r + repeats) * -np.log1p(days / (of.alpha + age))
        return np.asarray(-np.expm1(silent), dtype=np.float64)


def fit(model: Model, histories: Histories, start: tuple[float, ...] | None = None) -> Fit:
    """The most likely parameters of these histories; `start` is where an earlier fit ended."""
    if model == "pareto_nbd":
        return pareto.fit(histories, None if start is None else pareto.Parameters(*start))
    return betageo.fit(histories, model, None if start is None else betageo.Parameters(*start))
