"""What subscriptions are worth that renew period by period: how long they last by sBG or BdW, and what they will pay.

A subscription that ends within its third period was lost at its third renewal. Of those still there, and of the period
that runs, nothing is taken for known. A model is said only where its parameters are identified; otherwise what is
missing is said.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import exp, log, sqrt
from typing import Literal, NamedTuple

import numpy as np

from services.metrics.domain.models import contract
from services.metrics.domain.models.contract import Parameters
from services.metrics.domain.models.newton import Array, Fit, maximise
from services.metrics.subscriptions.domain.pricing import Interval
from shared.intervals import normal_quantile

Model = Literal["sbg", "bdw"]
Problem = Literal["no_subscriptions", "too_few_subscriptions", "too_few_lost", "too_few_renewals", "not_identified"]
# Below these nothing is said of how long subscriptions last.
MIN_SUBSCRIPTIONS, MIN_LOST, MIN_RENEWALS = 100, 30, 3
# Half of what a further parameter gains by chance, one time in twenty (chi-squared with one degree of freedom).
CLEARLY = 3.841 / 2
LEVEL = 0.95


class Aged(NamedTuple):
    """Subscriptions of one interval, after so many renewals: `is_lost` at that one, or still there after it.

    `is_open`: nothing is known that will end them. `minor` is what they bring in a month.
    """

    period: str
    renewals: int
    is_lost: bool
    is_open: bool
    people: int
    minor: int


def by_renewals(begun: Iterable[tuple[str, int, Iterable[tuple[int, int, int]]]], day: int) -> list[Aged]:
    """Subscriptions by renewals, as of a day: of each interval and first day (renewal lost at or 0, people, minor).

    One that is to end within the period that runs, or later, is there after the last renewal it has done.
    """
    sums: defaultdict[tuple[str, int, bool, bool], list[int]] = defaultdict(lambda: [0, 0])
    for period, started, terms in begun:
        done = Interval.of_name(period).over(started, day)
        for lost_at, people, minor in terms:
            is_lost = 0 < lost_at <= done
            total = sums[period, lost_at if is_lost else done, is_lost, not lost_at]
            total[0] += people
            total[1] += minor
    return [Aged(*key, *total) for key, total in sorted(sums.items())]


class Renewal(NamedTuple):
    """Subscriptions that came to a renewal and stayed, and the share of all at the start that is still there."""

    number: int
    stayed: int
    came: int
    survival: float
    modelled: float | None


class Paid(NamedTuple):
    """What is expected, in minor units, and between what it lies."""

    minor: Fraction
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Worth:
    """Subscriptions that are paid for in one interval: how long they last, what they will pay; or why not said."""

    period: str
    subscriptions: int
    open: int
    renewals: Sequence[Renewal]
    model: Model | None
    fit: Fit | None
    paid: Paid | None
    problem: Problem | None


def worth_of(period: str, aged: Iterable[Aged], annual_discount: float, horizon_months: int) -> Worth:
    """What subscriptions of one interval are worth, discounted, within so many months."""
    rows = list(aged)
    lost, left = Counter[int](), Counter[int]()
    for each in rows:
        (lost if each.is_lost else left)[each.renewals] += each.people
    still = sum(each.people for each in rows if each.is_open)
    problem = _problem(lost, left)
    model, fit = (None, None) if problem else _fitted(tuple(sorted(lost.items())), tuple(sorted(left.items())))
    if not problem and fit is None:
        problem = "not_identified"
    of = None if fit is None else Parameters(*fit.parameters)
    paid = None
    if fit is not None:
        groups = Counter[int]()
        for each in rows:
            if each.is_open and not each.is_lost:
                groups[each.renewals] += each.minor
        paid = _paid(fit, groups, Interval.of_name(period), annual_discount, horizon_months)
    known = sum(lost.values()) + sum(left.values())
    return Worth(period, known, still, _renewals(lost, left, of), model, fit, paid, problem)


def _problem(lost: Mapping[int, int], left: Mapping[int, int]) -> Problem | None:
    seen = sum(lost.values()) + sum(people for renewals, people in left.items() if renewals)
    if seen < MIN_SUBSCRIPTIONS:
        return "too_few_subscriptions"
    if sum(lost.values()) < MIN_LOST:
        return "too_few_lost"
    return "too_few_renewals" if len(lost) < MIN_RENEWALS else None


# Of sums by renewals, which change once somebody's period ends: who asks meanwhile waits for no climbing.
@lru_cache(maxsize=256)
def _fitted(lost: tuple[tuple[int, int], ...], left: tuple[tuple[int, int], ...]) -> tuple[Model | None, Fit | None]:
    """sBG, or BdW where it is clearly likelier; None: neither has one best fit. Pairs (renewal, people), ascending."""
    ends = [(number - 1.0, float(number), people) for number, people in lost]
    ends += [(float(number), np.inf, people) for number, people in left if number]
    begin, end, many = (np.array(column, dtype=np.float64) for column in zip(*ends, strict=True))
    likelihood = contract.likelihood_of(begin, end, many)
    plain = maximise(likelihood, np.array((1.0, 1.0)), float(many.sum()))
    timed = maximise(likelihood, np.array((1.0, 1.0, 1.0)), float(many.sum()))
    if timed.problem is None and (plain.problem or timed.log_likelihood - plain.log_likelihood > CLEARLY):
        return "bdw", timed
    return ("sbg", plain) if plain.problem is None else (None, None)


def _renewals(lost: Mapping[int, int], left: Mapping[int, int], of: Parameters | None) -> list[Renewal]:
    last = max((*lost, *left), default=0)
    modelled = None if of is None else contract.survival(of, np.arange(1.0, last + 1))
    found: list[Renewal] = []
    survival = 1.0
    came = sum(lost.values()) + sum(left.values())
    for number in range(1, last + 1):
        came -= left.get(number - 1, 0)
        if not came:
            break
        gone = lost.get(number, 0)
        survival *= 1 - gone / came
        found.append(
            Renewal(number, came - gone, came, survival, None if modelled is None else float(modelled[number - 1]))
        )
        came -= gone
    return found


def _paid(
    fit: Fit, groups: Mapping[int, int], every: Interval, annual_discount: float, horizon_months: int
) -> Paid | None:
    """The payments expected of groups by renewals done. The interval is that of the parameters, by the delta method."""
    months = every.in_months
    periods = int(horizon_months / months)
    discount = (1 + annual_discount) ** (float(months) / 12) - 1
    if not groups or not periods or fit.covariance is None:
        return Paid(Fraction(0), Fraction(0), Fraction(0)) if not groups or not periods else None

    renewals, monthly = (np.array(each, dtype=np.float64) for each in zip(*sorted(groups.items()), strict=True))

    def total(logs: Array) -> float:
        of = Parameters(*map(float, np.exp(logs)))
        return float(months) * float(monthly @ contract.residuals(of, renewals, discount, periods))

    at = np.log(np.array(fit.parameters, dtype=np.float64))
    value, step = total(at), 1e-4
    if value <= 0:
        return Paid(Fraction(0), Fraction(0), Fraction(0))
    slopes = np.array([(log(total(at + move)) - log(total(at - move))) / (2 * step) for move in np.eye(len(at)) * step])
    error = sqrt(max(0.0, float(slopes @ fit.covariance @ slopes)))
    apart = exp(normal_quantile(LEVEL) * error)
    return Paid(Fraction(value), Fraction(value / apart), Fraction(value * apart))
