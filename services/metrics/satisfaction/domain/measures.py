"""From scores to figures: NPS, CSAT and the three formulas of CES, each with its interval and its comparison.

Values are in the figure's unit: points from −100 to 100, percent, or a score on the scale. Where answers were sampled
at different rates each weighs one over its rate, and intervals stand on the effective number of answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Literal, NamedTuple

from services.metrics.domain.intervals import (
    LEVEL,
    Comparison,
    Interval,
    Sample,
    compare_nps,
    compare_samples,
    compare_shares,
    effective_n,
    mean_sample,
    nps_interval,
    sample_interval,
    wilson,
)
from services.metrics.satisfaction.domain.query import Metric
from services.metrics.satisfaction.domain.scores import Formula, Scores

Unit = Literal["points", "percent", "score"]
Kind = Literal["net", "share", "mean"]
# How many had each score, by scale.
_Counts = Mapping[tuple[int, int], Sequence[float]]
_LIMITS: Mapping[Kind, tuple[float, float]] = {"net": (-100.0, 100.0), "share": (0.0, 100.0), "mean": (1.0, 7.0)}


@dataclass(frozen=True, slots=True)
class Measure:
    """How scores make a figure. `good` and `bad` are steps on the scale: at least, and at most.

    A step from the top is negative: of a CSAT on five or on seven steps the upper two are good.
    """

    definition: str
    unit: Unit
    kind: Kind
    buckets: tuple[str, ...] = ()
    good: int = 0
    bad: int = 0

    def split(self, counts: _Counts) -> tuple[float, float, float]:
        """How many are good, neither, and bad; they may be fractions, if the counts are."""
        found: list[float] = [0, 0, 0]
        for (_, highest), numbers in counts.items():
            least = self.good if self.good > 0 else highest + self.good + 1
            for score, number in enumerate(numbers):
                found[0 if score >= least else 2 if score <= self.bad else 1] += number
        return found[0], found[1], found[2]

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value there can be."""
        return _LIMITS[self.kind]


NPS = Measure("nps.v1", "points", "net", ("promoters", "passives", "detractors"), good=9, bad=6)
CSAT = Measure("csat.v1", "percent", "share", ("satisfied", "others"), good=-2, bad=-1)
CES: Mapping[Formula, Measure] = {
    "mean": Measure("ces_mean.v1", "score", "mean"),
    "pct_5_7": Measure("ces_pct_5_7.v1", "percent", "share", ("agree", "others"), good=5, bad=-1),
    "net": Measure("ces_net.v1", "points", "net", ("agree", "neutral", "disagree"), good=6, bad=3),
}


def measure_of(metric: Metric, formula: Formula) -> Measure:
    """How this metric is made; the formula is that of a CES."""
    return NPS if metric == "nps" else CSAT if metric == "csat" else CES[formula]


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure. Without an answer it has no value and no interval.

    `unweighted` is the value without weights, where they make a difference. `sum` is what it is made of without them:
    promoters less detractors, those who are satisfied, or all scores together; over `n`.
    """

    value: float | None
    sum: int
    n: int
    effective_n: float
    buckets: Mapping[str, int]
    interval: Interval | None
    unweighted: float | None


def read(measure: Measure, scores: Scores, level: float = LEVEL) -> Reading:
    """The figure of these scores."""
    n = scores.n
    counted = _Shares.of(measure, scores.histogram)
    good, neither, bad = map(round, counted.parts)
    numbers = (good, neither, bad) if measure.kind == "net" else (good, neither + bad)
    buckets = dict(zip(measure.buckets, numbers, strict=True)) if measure.buckets else {}
    if not n:
        return Reading(None, 0, 0, 0.0, buckets, None, None)
    is_plain, plain = scores.is_plain, counted.point
    value = plain if is_plain else _Shares.of(measure, scores.weighted).point
    return Reading(
        value,
        round(counted.sum),
        n,
        effective_n(scores.weight, scores.squares),
        buckets,
        _interval(counted if is_plain else _Shares.of(measure, _scaled(scores)), level),
        None if isclose(value, plain, rel_tol=1e-12, abs_tol=1e-9) else plain,
    )


def compare(measure: Measure, now: Scores, then: Scores, level: float = LEVEL) -> Comparison | None:
    """One figure less another's; None where either has no answer. People who answered in both are counted in each."""
    if not (now.n and then.n):
        return None
    one, two = _scaled(now), _scaled(then)
    if measure.kind == "mean":
        difference = _Shares.of(measure, now.weighted).point - _Shares.of(measure, then.weighted).point
        lowest, highest = measure.limits
        return compare_samples(_sample(one), _sample(two), difference=difference, widest=highest - lowest, level=level)
    first, second = measure.split(one), measure.split(two)
    if measure.kind == "net":
        return _percent(compare_nps(first, second, level))
    return _percent(compare_shares(first[0], sum(first), second[0], sum(second), level))


def if_silent(measure: Measure, reading: Reading, silent: int) -> tuple[float, float] | None:
    """The figure if all who were reached and said nothing had given the worst answer, and if all the best."""
    if reading.value is None:
        return None
    worst, best = measure.limits
    everybody = reading.n + silent
    low, high = ((reading.value * reading.n + each * silent) / everybody for each in (worst, best))
    return low, high


def _scaled(scores: Scores) -> _Counts:
    """Weighted counts as if each of the effective number of answers weighed one."""
    if scores.is_plain:
        return scores.histogram
    factor = scores.weight / scores.squares
    return {scale: [factor * each for each in numbers] for scale, numbers in scores.weighted.items()}


class _Shares(NamedTuple):
    """Counts as a measure sees them: good ones, neither, and bad; of a mean, all of them."""

    measure: Measure
    counts: _Counts
    parts: tuple[float, float, float]

    @classmethod
    def of(cls, measure: Measure, counts: _Counts) -> "_Shares":
        """Of counts by scale."""
        is_mean = measure.kind == "mean"
        return cls(measure, counts, (sum(map(sum, counts.values())), 0, 0) if is_mean else measure.split(counts))

    @property
    def sum(self) -> float:
        """What the figure is made of."""
        good, _, bad = self.parts
        if self.measure.kind == "mean":
            return sum(score * number for numbers in self.counts.values() for score, number in enumerate(numbers))
        return good - bad if self.measure.kind == "net" else good

    @property
    def point(self) -> float:
        """The figure; of no counts there is none."""
        return (1 if self.measure.kind == "mean" else 100) * self.sum / sum(self.parts)


def _sample(counts: _Counts) -> Sample:
    together: dict[int, float] = {}
    for numbers in counts.values():
        for score, number in enumerate(numbers):
            together[score] = together.get(score, 0.0) + number
    lowest, highest = (min(each[0] for each in counts), max(each[1] for each in counts))
    return mean_sample(together, lowest, highest)


def _interval(of: _Shares, level: float) -> Interval:
    if of.measure.kind == "mean":
        return sample_interval(_sample(of.counts), *of.measure.limits, level)
    good, neither, bad = of.parts
    if of.measure.kind == "net":
        found = nps_interval(good, neither, bad, level)
    else:
        found = wilson(good, good + neither + bad, level)
    return Interval(100 * found.low, 100 * found.high, found.level, found.method)


def _percent(found: Comparison) -> Comparison:
    interval = found.interval
    return Comparison(
        100 * found.difference,
        Interval(100 * interval.low, 100 * interval.high, interval.level, interval.method),
        found.p_value,
        100 * found.smallest_detectable,
    )
