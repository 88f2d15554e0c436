"""Fit everything to a base, try it on the past, and decide what is served."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Array, counted
from services.metrics.domain.models.newton import Fit
from services.metrics.value.domain.buying import MODELS, Buying, Model, fit
from services.metrics.value.domain.fitted import (
    MIN_CUSTOMERS,
    MIN_DAYS,
    MIN_REPEATERS,
    Fitted,
    Parameters,
    Reason,
    Tried,
)
from services.metrics.value.domain.trial import Outcomes, Score, Trial, judge
from services.metrics.value.domain.worth import Base, Question, uncertainty, worth

HORIZON_DAYS = 90
# The cuts of the rolling back-test end so many days before the day that is fitted for.
ROLLING = (0, 45, 90)
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


def cuts(day: int, first_day: int) -> tuple[int, ...]:
    """The last days of histories in each round of the back-test: the window before each must lie in history too."""
    ends = (day - back - HORIZON_DAYS for back in ROLLING)
    return tuple(end for end in ends if end - HORIZON_DAYS > first_day)


def fitted(
    base: Base,
    spends: tuple[Array, Array, Array],
    rounds: Mapping[int, tuple[Outcomes, Outcomes]] | None,
    *,
    currency: str,
    day: int,
    mark: tuple[int, int, int],
    earlier: Fitted | None,
) -> Fitted:
    """The fit of a base with enough in it.

    `spends` are repeats, their money in minor units, and people; `rounds` are by cut what was so before each and what
    came since, as `judge` takes it; None: the trial of `earlier` holds. Steps go on from where `earlier` ended.
    """
    starts = {} if earlier is None else {model: each.parameters for model, each in earlier.models.items()}
    histories = base.histories(day)
    found = {model: fit(model, histories, starts.get(model)) for model in MODELS}
    usable = [model for model, each in found.items() if each.problem is None]
    spending, independence = _spending(spends)
    if rounds is None:
        tried = None if earlier is None else earlier.trial
    else:
        trial = _tried(rounds, {model: found[model] for model in usable})
        tried = None if trial is None else Tried.of(trial, tuple(rounds), mark)
    reasons: list[Reason] = []
    if not usable:
        reasons.append("buying_not_identified")
    if spending is None or spending.problem is not None:
        reasons.append("spending_not_identified")
    if tried is None:
        reasons.append("too_short_history")
    elif tried.best not in usable:
        reasons.append("baseline_not_beaten")
    chosen = None if reasons or tried is None else tried.best
    error = mean = None
    if chosen is not None and spending is not None:
        error, mean = _total(base, chosen, found[chosen], spending, day)
    return Fitted(
        currency=currency,
        day=day,
        mark=mark,
        repeaters=int(histories.repeaters),
        models={model: Parameters.of(each) for model, each in found.items()},
        spending=None if spending is None else Parameters.of(spending),
        trial=tried,
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


def _correlation(x: Array, y: Array, weights: Array) -> float | None:
    """How often and how much, which the model takes to have nothing to do with one another; None: one never varies."""
    dx, dy = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    scale = float(np.sqrt((weights @ dx**2) * (weights @ dy**2)))
    return None if scale == 0 else float(weights @ (dx * dy)) / scale


def _tried(rounds: Mapping[int, tuple[Outcomes, Outcomes]], found: Mapping[Model, Fit]) -> Trial | None:
    """Each round fits anew to what was known at its cut; scores are means over the rounds, purchases their sums."""
    trials = []
    for before, since in rounds.values():
        histories = counted(
            *(each.astype(np.int64) for each in (since.repeats, since.recency, since.age, since.people))
        )
        if missing(int(histories.total), int(histories.repeaters), MIN_DAYS):
            continue
        then = {model: fit(model, histories, each.parameters) for model, each in found.items()}
        models = [Buying(model, each.parameters) for model, each in then.items() if each.problem is None]
        trials.append(judge(models, before, since, HORIZON_DAYS))
    if not trials:
        return None
    baseline = _mean([each.baseline for each in trials])
    always = [model for model in found if all(model in each.scores for each in trials)]
    scores = {model: _mean([each.scores[model] for each in trials]) for model in always}
    best = min(scores, key=lambda model: scores[model].log_loss, default=None)
    if best is not None and scores[best].log_loss > baseline.log_loss:
        best = None
    return Trial(HORIZON_DAYS, sum(each.people for each in trials), baseline, scores, best)


def _mean(scores: Sequence[Score]) -> Score:
    newest = scores[0]
    return Score(
        float(np.mean([each.log_loss for each in scores])),
        float(np.mean([each.brier for each in scores])),
        sum(each.expected_purchases for each in scores),
        sum(each.actual_purchases for each in scores),
        newest.calibration,
    )


def _total(base: Base, model: Model, found: Fit, spending: Fit, day: int) -> tuple[float | None, float]:
    """How sure the total of a year ahead is, and what it is per customer."""
    buying, spend = Buying(model, found.parameters), gamma_gamma.Parameters(*spending.parameters)
    asked = Question(day, YEAR, 0.0)
    total = worth(base, buying, spend, asked, 1.0)
    error = None
    if found.covariance is not None and spending.covariance is not None:
        error = uncertainty(base, buying, spend, (found.covariance, spending.covariance), asked)
    return error, total.value_minor / total.customers
