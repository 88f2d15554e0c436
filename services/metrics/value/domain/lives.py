"""Lives that people may lead under a fitted model: what one person does is mostly luck, and this says how much."""

from typing import NamedTuple

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.people import People


class Lives(NamedTuple):
    """Days bought on within a time ahead, and what they come to in minor units: shape (people, draws)."""

    times: Array
    amounts: Array

    def bounds(self, of: Array, level: float) -> tuple[Array, Array]:
        """Between what the middle `level` of the draws lies: `of` is `times` or `amounts`."""
        low, high = np.quantile(of, ((1 - level) / 2, (1 + level) / 2), axis=1, method="inverted_cdf")
        return low, high


def drawn(
    people: People, buying: Buying, spending: gamma_gamma.Parameters, days: float, *, seed: int, draws: int
) -> Lives:
    """So many lives of each of these people; the same `seed` gives the same ones."""
    dice = np.random.default_rng(seed)
    shape = (len(people.repeats), draws)
    x, age = people.repeats[:, None], people.age[:, None]
    times = _times(dice, buying, x, age, days, shape)
    alive = buying.alive(people.repeats, people.recency, people.age)[:, None]
    times = np.where(dice.random(shape) < alive, times, 0)
    p, q, v = spending
    scale = dice.gamma(p * x + q, 1 / (v + people.again_minor[:, None]), shape)
    spent = dice.gamma(np.maximum(p * times, 1e-9)) / scale
    return Lives(times.astype(np.float64), np.where(times > 0, spent, 0.0))


def _times(
    dice: np.random.Generator, buying: Buying, x: Array, age: Array, days: float, shape: tuple[int, int]
) -> Array:
    """On how many days those who are alive buy."""
    r, alpha, left, right = buying.parameters
    rate = dice.gamma(r + x, 1 / (alpha + age), shape)
    if buying.model == "pareto_nbd":
        leaves = dice.exponential(1 / np.maximum(dice.gamma(left, 1 / (right + age), shape), 1e-300))
        return np.asarray(dice.poisson(rate * np.minimum(leaves, days)), dtype=np.float64)
    # Whoever is there leaves after a purchase with a chance of their own.
    chance = dice.beta(left, right + x + (buying.model == "mbg_nbd"), shape)
    leaves_after = dice.geometric(np.clip(chance, 1e-12, 1))
    return np.asarray(np.minimum(dice.poisson(rate * days), leaves_after), dtype=np.float64)
