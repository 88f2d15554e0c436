"""From counts of answers to figures: in which unit a watch looks, and what was before and since a change."""

from typing import Final, NamedTuple

import numpy as np

from services.metrics.alarms.domain.scoring import Scoring
from services.metrics.alarms.domain.series import Floats, Series
from services.metrics.domain.intervals import Interval, mean_sample, nps_interval, sample_interval, wilson
from services.metrics.satisfaction.domain.measures import Kind, Measure
from services.metrics.satisfaction.domain.scores import Scores

LAPSED: Final = Measure("reached_lapse.v1", "percent", "share", ("lapsed", "others"))
LOST_SUBSCRIBERS: Final = Measure("lost_subscribers.v1", "percent", "share", ("left", "others"))
LOST_REVENUE: Final = Measure("lost_revenue.v1", "percent", "share", ("lost", "others"))
# Of a mean score: its scale is the histogram.
_SCALE: Final = (1, 7)
# Worst, neither and best of a net score, others and good of a share, steps of a scale; in the figure's unit.
VALUES: Final[dict[Kind, tuple[float, ...]]] = {
    "net": (-100.0, 0.0, 100.0),
    "share": (0.0, 100.0),
    "mean": tuple(map(float, range(_SCALE[0], _SCALE[1] + 1))),
}


class Level(NamedTuple):
    """A figure over some days: of how many, its value and 95 % interval; None without any."""

    first: int
    last: int
    n: float
    value: float | None
    interval: Interval | None


def counts_of(measure: Measure, scores: Scores) -> list[float]:
    """How many answers had each of the values; as many as they are worth together, where answers have weights."""
    if not scores.squares:
        return [0.0] * len(VALUES[measure.kind])
    factor = scores.weight / scores.squares
    weighed = {scale: [factor * each for each in numbers] for scale, numbers in scores.weighted.items()}
    if measure.kind == "mean":
        return [sum(numbers[step] for numbers in weighed.values()) for step in range(_SCALE[0], _SCALE[1] + 1)]
    good, neither, bad = measure.split(weighed)
    return [bad, neither, good] if measure.kind == "net" else [neither + bad, good]


def level(measure: Measure, series: Series, first: int, last: int) -> Level:
    """The figure over these days."""
    part: Floats = series.counts[max(0, first - series.first) : max(0, last + 1 - series.first)].sum(axis=(0, 1))
    n = float(part.sum())
    if not n:
        return Level(first, last, 0.0, None, None)
    return Level(first, last, n, float(part @ np.asarray(series.values) / n), _interval(measure, part))


def before(measure: Measure, series: Series, scoring: Scoring) -> Level:
    """The figure of the base: its mean is that of the weeks in it, which may have gaps."""
    found = level(measure, series, scoring.first, scoring.last)
    return found._replace(n=scoring.answers, value=scoring.mean)


def _interval(measure: Measure, counts: Floats) -> Interval:
    if measure.kind == "mean":
        histogram = {_SCALE[0] + step: float(number) for step, number in enumerate(counts)}
        return sample_interval(mean_sample(histogram, *_SCALE), float(_SCALE[0]), float(_SCALE[1]))
    if measure.kind == "net":
        found = nps_interval(float(counts[2]), float(counts[1]), float(counts[0]))
    else:
        found = wilson(float(counts[1]), float(counts.sum()))
    return Interval(100 * found.low, 100 * found.high, found.level, found.method)
