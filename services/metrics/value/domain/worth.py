"""What customers are worth: purchases still to come, times what each is expected to be, times the margin."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array, Histories, Ints, counted, pairs
from services.metrics.value.domain.buying import Buying


@dataclass(frozen=True, slots=True)
class Base:
    """Customers of one currency as the ledger keeps them; days are numbers of days since 1970-01-01.

    `repeat_minor` is what those of a row spent on the days after their first, all together.
    """

    repeats: Array
    first_day: Array
    last_day: Array
    customers: Array
    repeat_minor: Array

    @classmethod
    def joined(cls, parts: Sequence["Base"]) -> "Base":
        """The rows of several, one after the other."""
        return cls(
            *(
                np.concatenate([getattr(each, name) for each in parts])
                for name in ("repeats", "first_day", "last_day", "customers", "repeat_minor")
            )
        )

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
    """Of several customers together; money in minor units, before rounding."""

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
        return log1p(self.annual_discount) / 365.25


def worth(base: Base, buying: Buying, spending: gamma_gamma.Parameters, asked: Question, margin: float) -> Worth:
    """What is still to come of everybody, by the sums alone."""
    return Living.each(base, buying, spending, asked.day).worth(buying, asked, margin)


@dataclass(frozen=True, slots=True)
class Living:
    """Customers by how often they bought again and how many days ago first: all that any time ahead needs of them.

    Of each such pair `alive` is how many probably are customers still, and `spend` what a purchase of each of those is
    expected to be, all together. What somebody alive will do does not depend on when they bought last, so there are as
    many rows as frequencies times ages, and no more with more customers.
    """

    repeats: Array
    age: Array
    customers: Array
    alive: Array
    spend: Array

    @classmethod
    def of(cls, base: Base, buying: Buying, spending: gamma_gamma.Parameters, day: int) -> "Living":
        """As of the end of a day."""
        rows = cls.each(base, buying, spending, day)
        repeats, age, place = pairs(rows.repeats, rows.age)
        sums = (rows.customers, rows.alive, rows.spend)
        return cls(repeats, age, *(_by_group(each, place, len(repeats)) for each in sums))

    @classmethod
    def each(cls, base: Base, buying: Buying, spending: gamma_gamma.Parameters, day: int) -> "Living":
        """The same row by row, not yet summed."""
        age = day - base.first_day
        alive = buying.alive(base.repeats, base.last_day - base.first_day, age)
        return cls(base.repeats, age, base.customers, base.customers * alive, alive * _spend(base, spending))

    @classmethod
    def read(cls, document: Mapping[str, str]) -> "Living":
        """As it was kept; the inverse of `document`."""
        return cls(**{name: np.frombuffer(b64decode(column), "<f8") for name, column in document.items()})

    def document(self) -> dict[str, str]:
        """As it is kept: columns of doubles. As numbers of JSON they would take longer to read than to use."""
        columns = ("repeats", "age", "customers", "alive", "spend")
        return {name: b64encode(getattr(self, name).astype("<f8").tobytes()).decode() for name in columns}

    def worth(self, buying: Buying, asked: Question, margin: float) -> Worth:
        """The same as `worth` of whom these are."""
        (whole,) = self.worths(buying, asked, margin, lambda each: each.sum(keepdims=True))
        return whole

    def worths(self, buying: Buying, asked: Question, margin: float, summed: Callable[[Array], Array]) -> list[Worth]:
        """The same of each of several groups, of which `summed` makes the sums of a column."""
        plain, kept = buying.ahead(self.repeats, self.age, asked.horizon_days, (0.0, asked.per_day))
        active = buying.bought(self.repeats, self.age, asked.horizon_days)
        alive = self.alive
        columns = (self.customers, alive, alive * active, alive * plain, alive * kept, self.spend * kept * margin)
        return [Worth(*map(float, each)) for each in zip(*map(summed, columns), strict=True)]


def worths(
    base: Base,
    group: Ints,
    groups: int,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    asked: Question,
    margin: float,
) -> list[Worth]:
    """The same of each of several groups, of which `group` says for each row to which it belongs.

    The expected spend is linear in what somebody spent so far, so a row's total needs no more than its sum.
    """
    rows = Living.each(base, buying, spending, asked.day)
    return rows.worths(buying, asked, margin, lambda each: _by_group(each, group, groups))


def _by_group(values: Array, group: Ints, groups: int) -> Array:
    return np.asarray(np.bincount(group, weights=values, minlength=groups), dtype=np.float64)


def _spend(base: Base, spending: gamma_gamma.Parameters) -> Array:
    """What a purchase of each customer of a row is expected to be, all together."""
    p, q, v = spending
    return (base.customers * v + base.repeat_minor) / (base.repeats + (q - 1) / p)


def uncertainty(
    base: Base,
    group: Ints,
    groups: int,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    covariances: tuple[Array, Array],
    asked: Question,
) -> Array:
    """Standard error of the logarithm of each group's value, by the delta method over both models' parameters.

    `covariances` are of the logarithms of their parameters: of buying, and of spending.
    """
    kept = _kept(base, buying, asked)

    def of_buying(scaled: tuple[float, ...]) -> Array:
        return _log_values(base, group, groups, _kept(base, Buying(buying.model, scaled), asked), spending)

    def of_spending(scaled: tuple[float, ...]) -> Array:
        return _log_values(base, group, groups, kept, gamma_gamma.Parameters(*scaled))

    variance = np.zeros(groups)
    ways = ((of_buying, buying.parameters), (of_spending, tuple(spending)))
    for (of, parameters), covariance in zip(ways, covariances, strict=True):
        slope = slopes(of, parameters)
        variance += ((covariance @ slope) * slope).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


def slopes(of: Callable[[tuple[float, ...]], Array | float], parameters: tuple[float, ...]) -> Array:
    """How a function changes with the logarithm of each of its parameters."""
    step = 1e-3

    def moved(number: int, factor: float) -> tuple[float, ...]:
        return tuple(each * factor if place == number else each for place, each in enumerate(parameters))

    ends = ((of(moved(number, 1 + step)), of(moved(number, 1 - step))) for number in range(len(parameters)))
    return np.array([(more - less) / (2 * step) for more, less in ends], dtype=np.float64)


def _kept(base: Base, buying: Buying, asked: Question) -> Array:
    age = asked.day - base.first_day
    alive = buying.alive(base.repeats, base.last_day - base.first_day, age)
    return np.asarray(buying.ahead(base.repeats, age, asked.horizon_days, (asked.per_day,))[0] * alive, np.float64)


def _log_values(base: Base, group: Ints, groups: int, kept: Array, spending: gamma_gamma.Parameters) -> Array:
    values = np.bincount(group, weights=kept * _spend(base, spending), minlength=groups)
    return np.asarray(np.log(np.maximum(values, 1e-9)), dtype=np.float64)
