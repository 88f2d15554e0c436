"""Fit everything to a base, try it on the past, and decide what is served."""

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.newton import Fit
from services.metrics.value.domain.backtest import Mark, tried
from services.metrics.value.domain.buying import MODELS, Buying, Model, fit
from services.metrics.value.domain.fitted import (
    MIN_CUSTOMERS,
    MIN_DAYS,
    MIN_REPEATERS,
    Fitted,
    Parameters,
    Reason,
)
from services.metrics.value.domain.past import Past
from services.metrics.value.domain.worth import Base, Question, uncertainty, worth

YEAR = 365


def missing(customers: int, repeaters: int, days: int) -> tuple[Reason, ...]:
    """What there is too little of to say anything."""
    found: list[Reason] = []
    if customers < MIN_CUSTOMERS:
        found.append("too_few_customers")
    if repeaters < MIN_REPEATERS:
        found.append("too_few_repeaters")
    if days < MIN_DAYS:
        found.append("too_short_history")
    return tuple(found)


def fitted(
    base: Base,
    spends: tuple[Array, Array, Array],
    past: Past | None,
    *,
    currency: str,
    day: int,
    mark: Mark,
    earlier: Fitted | None,
) -> Fitted:
    """The fit of a base with enough in it.

    `spends` are repeats, their money in minor units, and people. Without a `past` the trial of `earlier` holds, and
    only the model that it chose is fitted anew. Steps go on from where `earlier` ended.
    """
    starts = {} if earlier is None else {model: each.parameters for model, each in earlier.models.items()}
    histories = base.histories(day)
    trial = None if earlier is None else earlier.trial
    held = None if past is not None or trial is None else trial.best
    found = {model: fit(model, histories, starts.get(model)) for model in MODELS if held in (None, model)}
    usable = [model for model, each in found.items() if each.problem is None]
    spending, independence = _spending(spends)
    if past is not None:
        usable_fits = {model: found[model] for model in usable}
        trial = tried(past, usable_fits, MIN_REPEATERS, currency=currency, day=day, mark=mark)
    reasons: list[Reason] = ["one_customer_dominates"] if _is_of_one(spends) else []
    if not usable:
        reasons.append("buying_not_identified")
    if spending is None or spending.problem is not None:
        reasons.append("spending_not_identified")
    if trial is None:
        reasons.append("too_short_history")
    elif trial.best not in usable:
        reasons.append("baseline_not_beaten")
    chosen = None if reasons or trial is None else trial.best
    error = mean = None
    if chosen is not None and spending is not None:
        error, mean = _total(base, chosen, found[chosen], spending, day)
    return Fitted(
        currency=currency,
        day=day,
        mark=mark,
        repeaters=int(histories.repeaters),
        models=({} if earlier is None else earlier.models)
        | {model: Parameters.of(each) for model, each in found.items()},
        spending=None if spending is None else Parameters.of(spending),
        trial=trial,
        chosen=chosen,
        reasons=tuple(reasons),
        error=error,
        mean_minor=mean,
        independence=independence,
    )


def _spending(spends: tuple[Array, Array, Array]) -> tuple[Fit | None, float | None]:
    repeats, money, people = spends
    # Gifts and orders that cost nothing say nothing of what a purchase is.
    paid = money > 0
    if people[paid].sum() < MIN_REPEATERS:
        return None, None
    repeats, money, people = repeats[paid], money[paid], people[paid]
    means = money / repeats
    found = gamma_gamma.fit(repeats, means, weights=people)
    return found, _correlation(repeats, means, people)


def _is_of_one(spends: tuple[Array, Array, Array]) -> bool:
    """Whether one customer pays more than all others together: what all are worth would be what that one does."""
    _, money, people = spends
    return bool(len(money) and 2 * money.max() > money @ people)


def _correlation(x: Array, y: Array, weights: Array) -> float | None:
    """How often and how much, which the model takes to have nothing to do with one another; None: one never varies."""
    dx, dy = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    scale = float(np.sqrt((weights @ dx**2) * (weights @ dy**2)))
    return None if scale == 0 else float(weights @ (dx * dy)) / scale


def _total(base: Base, model: Model, found: Fit, spending: Fit, day: int) -> tuple[float | None, float]:
    """How sure the total of a year ahead is, and what it is per customer."""
    buying, spend = Buying(model, found.parameters), gamma_gamma.Parameters(*spending.parameters)
    asked = Question(day, YEAR, 0.0)
    total = worth(base, buying, spend, asked, 1.0)
    error = None
    if found.covariance is not None and spending.covariance is not None:
        error = uncertainty(
            base,
            np.zeros(len(base.repeats), np.int64),
            1,
            buying,
            spend,
            (found.covariance, spending.covariance),
            asked,
        )[0]
    return error, total.value_minor / total.customers
