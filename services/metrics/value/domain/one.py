"""One customer: what they will probably do, and how far it may be from that."""

from typing import NamedTuple

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import History
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.worth import Question

DRAWS = 2_000
LEVEL = 0.8


class Prediction(NamedTuple):
    """Of somebody as of a day. `alive` None: the model says nothing of it that could be called a risk.

    `low` and `high` hold the undiscounted value with the chance LEVEL: what one person does is mostly luck.
    """

    alive: float | None
    silent: float
    purchases: float
    spend_minor: float
    value_minor: float
    low_minor: float
    high_minor: float


def predicted(
    history: History,
    again_minor: int,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    asked: Question,
    margin: float,
    seed: int,
) -> Prediction:
    """What is to be expected of somebody with this history who spent so much on the days after their first.

    The same `seed` gives the same answer.
    """
    x = np.array([float(history.repeats)])
    recency = np.array([float(history.last_day - history.first_day)])
    age = np.array([float(asked.day - history.first_day)])
    horizon = np.array([float(asked.horizon_days)])
    alive = buying.alive(x, recency, age)
    plain = float(buying.purchases(x, age, horizon)[0, 0] * alive[0])
    kept = float(buying.purchases(x, age, horizon, asked.per_day)[0, 0] * alive[0])
    mean = again_minor / history.repeats if history.repeats else 0.0
    spend = float(gamma_gamma.expected(spending, x, np.array([mean]))[0])
    amounts = _drawn(float(x[0]), float(age[0]), float(alive[0]), again_minor, buying, spending, asked, seed) * margin
    low, high = np.quantile(amounts, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Prediction(
        None if buying.model == "bg_nbd" else float(alive[0]),
        float(buying.silent(x, recency, age, asked.horizon_days)[0]),
        plain,
        spend,
        kept * spend * margin,
        float(low),
        float(high),
    )


def _drawn(
    x: float,
    age: float,
    alive: float,
    again_minor: int,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    asked: Question,
    seed: int,
) -> Array:
    """Lives that somebody like this may lead, and what each comes to in minor units."""
    dice = np.random.default_rng(seed)
    r, alpha, left, right = buying.parameters
    rate = dice.gamma(r + x, 1 / (alpha + age), DRAWS)
    if buying.model == "pareto_nbd":
        leaves = dice.exponential(1 / np.maximum(dice.gamma(left, 1 / (right + age), DRAWS), 1e-300))
        times = dice.poisson(rate * np.minimum(leaves, asked.horizon_days))
    else:
        # Whoever is there leaves after a purchase with a chance of their own.
        chance = dice.beta(left, right + x + (buying.model == "mbg_nbd"), DRAWS)
        times = np.minimum(dice.poisson(rate * asked.horizon_days), dice.geometric(np.clip(chance, 1e-12, 1)))
    times = np.where(dice.random(DRAWS) < alive, times, 0)
    p, q, v = spending
    scale = dice.gamma(p * x + q, 1 / (v + again_minor), DRAWS)
    return np.asarray(np.where(times > 0, dice.gamma(np.maximum(p * times, 1e-9), 1.0) / scale, 0.0), np.float64)
