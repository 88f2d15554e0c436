"""How much a day speaks for a change: the logarithm of a likelihood ratio.

Before the change a day's answers are drawn from the base: for each weekday and stratum what was answered in whole weeks
of before. After it they are drawn from the same, tilted (each value v is exp(θv) times as likely as it was) so far that
the mean of all has moved by the smallest change worth finding. For shares the tilt is an odds ratio, and this is the
risk-adjusted CUSUM of Steiner, Cook, Farewell and Treasure (2000); for an NPS it is that of three outcomes, for a mean
score that of its histogram (Hawkins and Olwell 1998 for the exponential family).

Answers of one day are more alike than by chance, and days of one week are: what whole weeks vary more than the base
says (φ, at least 1) divides the score, as it does in quasi-likelihood.

Where few of many unlike ones make a day (revenue, which a single large customer takes along), the variance is not
enough: what counts for false alarms is how far single days reach. A score S is then divided by such a c that the mean
of exp(S / c) over the days of the base is 1, as it is of the logarithm of a likelihood ratio while nothing has changed
(the adjustment coefficient of Lundberg). Without it false alarms came up to twice as often as stated (simulated).
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import Final, Literal

import numpy as np

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
_HALVINGS: Final = 20
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
    dispersion = _dispersion(base, chances, values)
    days = WEEK * len(weeks)
    # Kullback–Leibler: what a day without a change speaks against it; twice that is the information.
    against = by_weekday.sum(axis=2) * (offsets - theta * (chances @ values))
    information = 2 * float(against.sum()) / dispersion / days
    # Days with many answers make longer steps, and pass the threshold more often.
    shares = base.sum(axis=(2, 3)).ravel() * (days / answers)
    step = sqrt(max(0.0, information)) * float((shares**1.5).sum()) / days
    if information < _LEAST_INFORMATION or not _is_useful(information, days, arl0, step):
        return Missing("too_few_a_day", answers / days, answers / days * _times_needed(information, days, arl0, step))
    height = height_for(arl0 * information, information * days)
    found = Scoring(
        theta,
        offsets,
        dispersion,
        height - OVERSHOOT * step,
        information,
        delay(height) / information,
        mean,
        shift,
        answers,
        weeks[0],
        weeks[-1] + WEEK - 1,
    )
    if not series.is_compound:
        return found
    reach = _reach(np.concatenate([found.score(series, week, week + WEEK - 1) for week in weeks]))
    information, step = information / reach, step / sqrt(reach)
    if not _is_useful(information, days, arl0, step):
        return Missing("too_few_a_day", answers / days, answers / days * _times_needed(information, days, arl0, step))
    height = height_for(arl0 * information, information * days)
    return replace(
        found,
        dispersion=dispersion * reach,
        threshold=height - OVERSHOOT * step,
        information=information,
        days_to_find=delay(height) / information,
    )


def _reach(scores: Floats) -> float:
    """What scores of days without a change are to be divided by, at least 1, so that exp of them is 1 by the mean."""

    def mean(divisor: float) -> float:
        return float(np.exp(np.minimum(scores / divisor, _MOST_TILT)).mean())

    low, high = 1.0, 1.0
    while mean(high) > 1 and high < _MOST_TIMES:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) > 1 else (low, middle)
    return high


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

    It is itself unsure by √(2 / (weeks − 1)): what lies within that is mostly chance, and drawn back towards 1.
    """
    means = chances @ values
    spreads = chances @ values**2 - means**2
    numbers = base.sum(axis=3)
    missed = (base @ values - numbers * means).sum(axis=(1, 2))
    expected = float((numbers * spreads).sum())
    weeks = len(base)
    more = float((missed**2).sum()) / expected * weeks / (weeks - 1) - 1
    return 1 + max(0.0, more) ** 3 / (more**2 + 2 / (weeks - 1))


def _is_useful(information: float, days: int, arl0: float, step: float) -> bool:
    """Whether a change would be found in time: much sooner than the next false alarm comes."""
    height = height_for(arl0 * information, information * days)
    return delay(height) / information * USEFUL_SHARE <= arl0 and height > OVERSHOOT * step


def _times_needed(information: float, days: int, arl0: float, step: float) -> float:
    """How many times as many answers a day would do, to a tenth."""
    times, information = 1.0, max(information, _LEAST_INFORMATION)
    while times < _MOST_TIMES and not _is_useful(information * times, days, arl0, step * sqrt(times)):
        times *= 1.1
    return times
