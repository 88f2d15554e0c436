"""What customers are worth: purchases still to come, times what each is expected to be, times the margin."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array, Histories, counted, pairs
from services.metrics.value.domain.buying import Buying


@dataclass(frozen=True, slots=True)
class Base:
    """All customers of one currency as the ledger keeps them; days are numbers of days since 1970-01-01.

    `repeat_minor` is what those of a row spent on the days after their first, all together.
    """

    repeats: Array
    first_day: Array
    last_day: Array
    customers: Array
    repeat_minor: Array

    def histories(self, day: int) -> Histories:
        """As of the end of a day; whoever comes later is not there yet.

        Raises:
            ValueError: somebody bought again after that day, which these sums cannot take back.
        """
        here = self.first_day <= day
        first, last = self.first_day[here], self.last_day[here]
        columns = (self.repeats[here], last - first, day - first, self.customers[here])
        return counted(*(each.astype(np.int64) for each in columns))


class Worth(NamedTuple):
    """Of all customers together, or of one; money in minor units, before rounding."""

    customers: float
    alive: float
    active: float
    purchases: float
    discounted_purchases: float
    value_minor: float


@dataclass(frozen=True, slots=True)
class Question:
    """As of the end of which day, how far ahead, discounted by how much a year (0.1 is ten per cent)."""

    day: int
    horizon_days: int
    annual_discount: float

    @property
    def per_day(self) -> float:
        """Continuous discount per day."""
        return float(np.log1p(self.annual_discount) / 365.25)


def worth(base: Base, buying: Buying, spending: gamma_gamma.Parameters, asked: Question, margin: float) -> Worth:
    """What is still to come of everybody, by the sums alone.

    The expected spend is linear in what somebody spent so far, so a row's total needs no more than its sum.
    """
    x, recency, age = base.repeats, base.last_day - base.first_day, asked.day - base.first_day
    alive = buying.alive(x, recency, age)
    often, long, place = pairs(x, age)
    horizon = np.array([float(asked.horizon_days)])
    plain = buying.purchases(often, long, horizon)[place, 0] * alive
    kept = buying.purchases(often, long, horizon, asked.per_day)[place, 0] * alive if asked.per_day else plain
    p, q, v = spending
    spend = p * (base.customers * v + base.repeat_minor) / (p * x + q - 1)
    active = base.customers @ (1 - buying.silent(x, recency, age, asked.horizon_days))
    return Worth(
        float(base.customers.sum()),
        float(base.customers @ alive),
        float(active),
        float(base.customers @ plain),
        float(base.customers @ kept),
        float(kept @ spend) * margin,
    )


def uncertainty(
    base: Base,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    covariances: tuple[Array, Array],
    asked: Question,
) -> float:
    """Standard error of the logarithm of the total value, by the delta method over both models' parameters.

    `covariances` are of the logarithms of their parameters: of buying, and of spending.
    """
    step = 1e-3
    variance = 0.0
    for of_buying, covariance in zip((True, False), covariances, strict=True):
        slopes = []
        for number in range(len(covariance)):
            ends = []
            for factor in (1 + step, 1 - step):
                moved, spent = buying, spending
                if of_buying:
                    moved = Buying(buying.model, _scaled(buying.parameters, number, factor))
                else:
                    spent = gamma_gamma.Parameters(*_scaled(spending, number, factor))
                ends.append(np.log(max(worth(base, moved, spent, asked, 1.0).value_minor, 1e-9)))
            slopes.append((ends[0] - ends[1]) / (2 * step))
        variance += float(np.array(slopes) @ covariance @ np.array(slopes))
    return float(np.sqrt(max(variance, 0.0)))


def _scaled(parameters: tuple[float, ...], number: int, factor: float) -> tuple[float, ...]:
    return tuple(each * factor if place == number else each for place, each in enumerate(parameters))
