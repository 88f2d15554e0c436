"""How much a day speaks for a change: the logarithm of a likelihood ratio.

Before the change a day's answers are drawn from the base: for each weekday and stratum what was answered in whole weeks
of before. After it they are drawn from the same, tilted (each value v is exp(θv) times as likely as it was) so far that
the mean of all has moved by the smallest change worth finding. For shares the tilt is an odds ratio, and this is the
risk-adjusted CUSUM of Steiner, Cook, Farewell and Treasure (2000); for an NPS it is that of three outcomes, for a mean
score that of its histogram (Hawkins and Olwell 1998 for the exponential family).

Answers of one day are more alike than by chance, and days of one week are: what whole weeks vary more than the base
says (φ, at least 1) divides the score, as it does in quasi-likelihood.

Where few of many unlike ones make a day (revenue, which a single large customer takes along), scores are divided by
what days vary more, and the threshold is that of days which are made so: see `jumps`.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal, NamedTuple

import numpy as np

from services.metrics.alarms.domain.jumps import Jumps, Steps, threshold_of
from services.metrics.alarms.domain.series import WEEK, Floats, Series
from services.metrics.alarms.domain.threshold import OVERSHOOT, delay, height_for

Way = Literal["up", "down"]

MIN_WEEKS: Final = 8
MIN_ANSWERS: Final = 100
# Of the answers of the base, so many at least must differ from the most frequent one of their stratum.
MIN_OTHERS: Final = 20
# A change must be found in a quarter of the days between two false alarms, or the watch is of no use.
USEFUL_SHARE: Final = 4
# Each weekday is taken to have so many answers more, like those of all days.
_LIKE_ALL: Final = 20.0
_NEWTON_STEPS: Final = 40
# The most that the best value may become more likely than the worst, as a logarithm: more cannot be reckoned with.
_MOST_TILT: Final = 60.0
# Where the change would lead beyond the scale, half of the way to its end is looked for.
_MOST_OF_THE_WAY: Final = 0.5
_MOST_TIMES: Final = 1e4
_LEAST_INFORMATION: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Missing:
    """Why nothing can be said: a code, what there is and what is needed, in days or answers."""

    reason: Literal["too_few_weeks", "too_few_answers", "too_alike", "too_few_a_day"]
    have: float
    need: float


@dataclass(frozen=True, slots=True)
class Scoring:
    """Made from a base. `offsets` are by weekday and stratum; `threshold` is in the unit of the scores."""

    theta: float
    offsets: Floats
    dispersion: float
    threshold: float
    # Mean information a day, and days until the change that is looked for is found, by the mean.
    information: float
    days_to_find: float
    mean: float
    shift: float
    answers: float
    first: int
    last: int

    def score(self, series: Series, first: int, last: int) -> Floats:
        """The scores of the days from the first to the last, included."""
        part = series.counts[first - series.first : last + 1 - series.first]
        weekdays = np.arange(first, last + 1) - series.first
        expected = (part.sum(axis=2) * self.offsets[weekdays % WEEK]).sum(axis=1)
        found: Floats = (self.theta * (part.sum(axis=1) @ np.asarray(series.values)) - expected) / self.dispersion
        return found


def scoring_of(series: Series, weeks: list[int], *, way: Way, change: float, arl0: float) -> Scoring | Missing:
    """The scoring by a base of whole weeks (first days), for a change of at least so much in the figure's unit.

    `arl0` is the mean of the days between false alarms.
    """
    if len(weeks) < MIN_WEEKS:
        return Missing("too_few_weeks", len(weeks), MIN_WEEKS)
    rows = (np.array(weeks) - series.first)[:, None] + np.arange(WEEK)
    base: Floats = series.counts[rows]
    values = np.asarray(series.values)
    whole = base.sum(axis=(0, 1))
    answers = float(whole.sum())
    if answers < MIN_ANSWERS:
        return Missing("too_few_answers", answers, MIN_ANSWERS)
    others = float((whole.sum(axis=1) - whole.max(axis=1)).sum())
    if others < MIN_OTHERS:
        return Missing("too_alike", others, MIN_OTHERS)
    mean = float((whole.sum(axis=0) * values).sum() / answers)
    theta, shift = _tilt(whole, values, mean, change if way == "up" else -change)
    by_weekday = base.sum(axis=0)
    chances = _chances(by_weekday, whole)
    offsets = np.log(chances @ np.exp(theta * (values - mean))) + theta * mean
    if series.takers is None:
        scaled = _of_each(base, chances, values, theta, offsets, arl0)
    else:
        scaled = _of_takers(base, chances, series.takers[rows], 100 * theta, offsets, arl0)
    if isinstance(scaled, Missing):
        return scaled
    return Scoring(theta, offsets, *scaled, mean, shift, answers, weeks[0], weeks[-1] + WEEK - 1)


class _Scaled(NamedTuple):
    """As in `Scoring`."""

    dispersion: float
    threshold: float
    information: float
    days_to_find: float


def _of_each(
    base: Floats, chances: Floats, values: Floats, theta: float, offsets: Floats, arl0: float
) -> _Scaled | Missing:
    """The scale of scores, and their threshold, where each counts for itself."""
    by_weekday = base.sum(axis=0)
    dispersion, days, answers = _dispersion(base, chances, values), WEEK * len(base), float(base.sum())
    # Kullback–Leibler: what a day without a change speaks against it; twice that is the information.
    against = by_weekday.sum(axis=2) * (offsets - theta * (chances @ values))
    information = 2 * float(against.sum()) / dispersion / days
    # Days with many answers make longer steps, and pass the threshold more often.
    shares = base.sum(axis=(2, 3)).ravel() * (days / answers)
    step = sqrt(max(0.0, information)) * float((shares**1.5).sum()) / days
    if information < _LEAST_INFORMATION or not _is_useful(information, days, arl0, step):
        return _too_few(answers / days, information, days, arl0, step)
    height = height_for(arl0 * information, information * days)
    return _Scaled(dispersion, height - OVERSHOOT * step, information, delay(height) / information)


def _of_takers(
    base: Floats, chances: Floats, takers: Floats, rate: float, offsets: Floats, arl0: float
) -> _Scaled | Missing:
    """The same where a day's counts are of what few unlike ones took; `rate` is the score of one who is gone."""
    number = float(takers.sum())
    if number < MIN_OTHERS:
        return Missing("too_alike", number, MIN_OTHERS)
    days, there, likely = takers.size, base[:, :, 0].sum(axis=2), chances[:, 0, 1]
    a_day, taken = number / days, float(base[:, :, 0, 1].sum()) / days
    alone = float((there * likely * (1 - likely)).sum()) / days
    missed = base[:, :, 0, 1] - there * likely
    squares = float((missed**2).sum())
    # Of each weekday a mean was estimated. So many who are alike vary as much as chance has them, and no less.
    variance = max(squares / (days - WEEK), taken**2 / a_day * alone / taken)
    # Weeks may vary more than their days would, taken one by one.
    variance *= _drawn_back(float((missed.sum(axis=1) ** 2).sum()) / max(squares, 1e-300), len(base))
    dispersion = variance / alone
    against = float((there * offsets[:, 0]).sum()) / days / dispersion
    steps = Steps(Jumps.of(a_day, taken, variance), rate / dispersion, against)
    people, information = float(there.sum()) / days, -2 * steps.mean
    if information < _LEAST_INFORMATION:
        return _too_few(people, information, days, arl0, 0.0)
    guess = max(height_for(arl0 * information, information * days), steps.spread)
    threshold = threshold_of(steps, days, arl0, guess)
    days_to_find = delay(threshold + OVERSHOOT * steps.spread) / information
    if days_to_find * USEFUL_SHARE > arl0:
        return _too_few(people, information, days, arl0, steps.spread)
    return _Scaled(dispersion, threshold, information, days_to_find)


def _tilt(whole: Floats, values: Floats, mean: float, change: float) -> tuple[float, float]:
    """The tilt that moves the mean of all by `change`, or half of the way to the end of the scale; and how far."""
    room = float(values[-1] if change > 0 else values[0]) - mean
    target = change if abs(change) < _MOST_OF_THE_WAY * abs(room) else _MOST_OF_THE_WAY * room
    total = float(whole.sum())
    most = _MOST_TILT / float(values[-1] - values[0])
    low, high = (0.0, most) if change > 0 else (-most, 0.0)
    theta = min(high, max(low, float(target * total / (_variances(whole, values) @ whole.sum(axis=1)))))
    for _ in range(_NEWTON_STEPS):
        tilted = whole * np.exp(theta * (values - mean))
        tilted *= (whole.sum(axis=1) / np.maximum(tilted.sum(axis=1), 1e-300))[:, None]
        miss = float((tilted.sum(axis=0) * (values - mean)).sum() / total - target)
        low, high = (theta, high) if miss < 0 else (low, theta)
        if abs(miss) < 1e-9 * abs(target):
            break
        spread = float(_variances(tilted, values) @ tilted.sum(axis=1))
        stepped = theta - miss * total / spread if spread else low
        # Newton's step, unless it leaves what is known to hold the answer.
        theta = stepped if low < stepped < high else (low + high) / 2
    return theta, target


def _variances(counts: Floats, values: Floats) -> Floats:
    """The variance of the values in each stratum; 0 without any."""
    numbers = np.maximum(counts.sum(axis=1), 1e-300)
    means = counts @ values / numbers
    found: Floats = counts @ values**2 / numbers - means**2
    return np.maximum(found, 0.0)


def _chances(by_weekday: Floats, whole: Floats) -> Floats:
    """How likely each value is by weekday and stratum: a weekday with little in it is like all days."""
    numbers = whole.sum(axis=1, keepdims=True)
    all_days = np.divide(whole, numbers, out=np.full_like(whole, 1 / whole.shape[1]), where=numbers > 0)
    found: Floats = (by_weekday + _LIKE_ALL * all_days) / (by_weekday.sum(axis=2, keepdims=True) + _LIKE_ALL)
    return found


def _dispersion(base: Floats, chances: Floats, values: Floats) -> float:
    """By how much the sums of whole weeks vary more than answers that are drawn one by one would.

    It is itself unsure by √(2 / (weeks − 1)): what lies within that is drawn back towards 1.
    """
    means = chances @ values
    spreads = chances @ values**2 - means**2
    numbers = base.sum(axis=3)
    missed = (base @ values - numbers * means).sum(axis=(1, 2))
    expected = float((numbers * spreads).sum())
    weeks = len(base)
    return _drawn_back(float((missed**2).sum()) / expected, weeks)


def _drawn_back(ratio: float, weeks: int) -> float:
    """A ratio of variances, found by so many weeks, without what of it is mostly chance; at least 1."""
    more = ratio * weeks / (weeks - 1) - 1
    return 1 + max(0.0, more) ** 3 / (more**2 + 2 / (weeks - 1))


def _is_useful(information: float, days: int, arl0: float, step: float) -> bool:
    """Whether a change would be found in time: much sooner than the next false alarm comes."""
    height = height_for(arl0 * information, information * days)
    return delay(height) / information * USEFUL_SHARE <= arl0 and height > OVERSHOOT * step


def _too_few(a_day: float, information: float, days: int, arl0: float, step: float) -> Missing:
    """That there are too few a day, and how many would do."""
    return Missing("too_few_a_day", a_day, a_day * max(1.1, _times_needed(information, days, arl0, step)))


def _times_needed(information: float, days: int, arl0: float, step: float) -> float:
    """How many times as many answers a day would do, to a tenth."""
    times, information = 1.0, max(information, _LEAST_INFORMATION)
    while times < _MOST_TIMES and not _is_useful(information * times, days, arl0, step * sqrt(times)):
        times *= 1.1
    return times
