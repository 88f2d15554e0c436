"""How sure a figure of satisfaction is: intervals, tests, and the smallest change that could be seen.

Shares are from 0 to 1, an NPS from −1 to 1, a mean is on its own scale; counts may be fractions, as weighted ones are.
Plain Wald intervals are not used: of ten answers, of which nine are promoters', theirs holds the truth two times in
three where 95 % is said, and of all promoters' it has no width at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist
from typing import NamedTuple

from shared.intervals import LEVEL, Interval, Method, normal_quantile, wilson

__all__ = [
    "LEVEL",
    "POWER",
    "Comparison",
    "Interval",
    "Method",
    "Sample",
    "benjamini_hochberg",
    "compare_nps",
    "compare_samples",
    "compare_shares",
    "effective_n",
    "mean_sample",
    "net_sample",
    "newcombe",
    "normal_quantile",
    "nps_interval",
    "sample_interval",
    "smallest_detectable",
    "two_sided_p",
    "wilson",
]

POWER = 0.80
# Rocks (2016), Sauro and Lewis: three answers nobody gave, split like a triangle over −1, 0 and 1.
_PSEUDO = {-1: 0.75, 0: 1.5, 1: 0.75}
# Of a mean score, as many spread evenly. Measured at n ≥ 10 over skewed, split and central answers: 92 to 98 %.
_PSEUDO_TOTAL = 3.0

_NORMAL = NormalDist()


class Sample(NamedTuple):
    """Answers as far as intervals need them: their mean, the variance of one, and how many they are worth."""

    mean: float
    variance: float
    n: float

    @property
    def error(self) -> float:
        """The square of the standard error."""
        return self.variance / self.n


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure less another: how much, how sure, how likely by chance, and what change could have been seen.

    `smallest_detectable` is the true change that a test at `interval.level` finds with a power of 80 %.
    """

    difference: float
    interval: Interval
    p_value: float
    smallest_detectable: float


def effective_n(weights: float, squares: float) -> float:
    """How many equally weighted answers are worth as much: (Σw)² / Σw²; 0 without any."""
    return weights * weights / squares if squares else 0.0


def net_sample(positive: float, neutral: float, negative: float) -> Sample:
    """The adjusted sample of answers worth +1, 0 and −1, as an NPS is made of. Not its point: that is unadjusted."""
    return _scored({1: positive, 0: neutral, -1: negative}, _PSEUDO)


def mean_sample(histogram: Mapping[int, float], lowest: int, highest: int) -> Sample:
    """The adjusted sample of scores from `lowest` to `highest`, for intervals and tests of their mean."""
    points = range(lowest, highest + 1)
    return _scored(histogram, dict.fromkeys(points, _PSEUDO_TOTAL / len(points)))


def _scored(counts: Mapping[int, float], pseudo: Mapping[int, float]) -> Sample:
    together = {score: counts.get(score, 0.0) + more for score, more in pseudo.items()}
    n = sum(together.values())
    mean = sum(score * count for score, count in together.items()) / n
    variance = sum(count * (score - mean) ** 2 for score, count in together.items()) / n
    return Sample(mean, variance, n)


def sample_interval(sample: Sample, lowest: float, highest: float, level: float = LEVEL) -> Interval:
    """Adjusted-Wald interval around the centre of an adjusted sample, kept within the scale."""
    half = normal_quantile(level) * sqrt(sample.error)
    return Interval(max(lowest, sample.mean - half), min(highest, sample.mean + half), level, "adjusted_wald")


def nps_interval(promoters: float, passives: float, detractors: float, level: float = LEVEL) -> Interval:
    """The adjusted-Wald interval of an NPS, from −1 to 1.

    Its coverage is 95 % over all truths from ten answers on (at single ones without any detractor, 88 % and more);
    under ten answers read it as a hint. Without an answer it is wide, and says nothing.
    """
    return sample_interval(net_sample(promoters, passives, detractors), -1.0, 1.0, level)


def compare_samples(now: Sample, then: Sample, *, difference: float, widest: float, level: float = LEVEL) -> Comparison:
    """Two independent adjusted samples: `difference` is that of the unadjusted points, `widest` what it can be at most.

    The interval and the test stand on the adjusted centres, as each sample's own interval does.
    """
    error = sqrt(now.error + then.error)
    centre = now.mean - then.mean
    half = normal_quantile(level) * error
    interval = Interval(max(-widest, centre - half), min(widest, centre + half), level, "adjusted_wald")
    return Comparison(difference, interval, two_sided_p(centre, error), smallest_detectable(now, then, level=level))


def compare_nps(now: tuple[float, float, float], then: tuple[float, float, float], level: float = LEVEL) -> Comparison:
    """The NPS of (promoters, passives, detractors) less another's; both need answers, of different people."""
    points = [(each[0] - each[2]) / sum(each) for each in (now, then)]
    difference = points[0] - points[1]
    return compare_samples(net_sample(*now), net_sample(*then), difference=difference, widest=2.0, level=level)


def newcombe(successes: float, trials: float, others: float, other_trials: float, level: float = LEVEL) -> Interval:
    """Newcombe's hybrid score interval of the difference of two independent shares, made of Wilson's of each."""
    first, second = successes / trials, others / other_trials
    one, two = wilson(successes, trials, level), wilson(others, other_trials, level)
    difference = first - second
    down = sqrt((first - one.low) ** 2 + (two.high - second) ** 2)
    up = sqrt((one.high - first) ** 2 + (second - two.low) ** 2)
    return Interval(max(-1.0, difference - down), min(1.0, difference + up), level, "newcombe")


def compare_shares(
    successes: float, trials: float, others: float, other_trials: float, level: float = LEVEL
) -> Comparison:
    """One share less another: Newcombe's interval, the pooled score test, and what change could have been seen."""
    difference = successes / trials - others / other_trials
    pooled = (successes + others) / (trials + other_trials)
    error = sqrt(max(0.0, pooled * (1 - pooled)) * (1 / trials + 1 / other_trials))
    return Comparison(
        difference,
        newcombe(successes, trials, others, other_trials, level),
        two_sided_p(difference, error),
        smallest_detectable(_share_sample(successes, trials), _share_sample(others, other_trials), level=level),
    )


def _share_sample(successes: float, trials: float) -> Sample:
    # Agresti and Coull: two more of each, so that a share of 0 or 1 is not taken for certain.
    share = (successes + 2) / (trials + 4)
    return Sample(share, share * (1 - share), trials + 4)


def two_sided_p(difference: float, error: float) -> float:
    """The probability of a difference at least as large, either way, if there is none in truth."""
    if not error:
        return 1.0 if not difference else 0.0
    return erfc(abs(difference) / error / sqrt(2))


def smallest_detectable(now: Sample, then: Sample, *, level: float = LEVEL, power: float = POWER) -> float:
    """The true change that a two-sided test at this level finds with this power."""
    return (normal_quantile(level) + _NORMAL.inv_cdf(power)) * sqrt(now.error + then.error)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being many, in the same order.

    To call significant what is at most α here lets through, of all that is called so, a share of α by chance.
    """
    found = [1.0] * len(p_values)
    least = 1.0
    for rank, index in reversed(list(enumerate(sorted(range(len(p_values)), key=p_values.__getitem__), start=1))):
        least = min(least, p_values[index] * len(p_values) / rank)
        found[index] = least
    return found
