"""The threshold where few unlike ones make a day, as with revenue: a single large customer takes much of it along.

Such days reach farther up than down, and whoever looks at half a year has seen few that reach far. So the tail is not
read off the days, but made of what is known well: how many leave on a day (Poisson), and how unlike they are, which the
variance of the days tells. Each is taken to bring a lognormal part, as prices are; the sum is what actuaries call
aggregate claims, and is found by Fourier transform (Klugman, Panjer and Willmot, Loss Models, ch. 9).

The days between false alarms of a CUSUM with such steps are those of a Markov chain (Brook and Evans 1972). Mean and
variance are estimated from the base, and what they may be wrong by is averaged over, as it is for all others (see
`threshold`): an exponent of the tail that is wrong by a part r leads to false alarms as often as a threshold lower by r
would. Without that, and with the tail read off the days, false alarms of an ARL0 of 365 came 1.8 times as often as
stated (2,000 subscribers, 0.5 % a day, lognormal prices with a spread of 0.8; simulated).
"""

from collections.abc import Callable
from math import ceil, log1p, sqrt
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr

from services.metrics.alarms.domain.series import Floats
from services.metrics.alarms.domain.threshold import CHANCES, ERRORS

# From so many a day on the sum is as good as normal.
_MANY: Final = 400.0
# A step's standard deviation in parts of the chain, and how many parts it has at most.
_PARTS: Final = 10
# Fewer than a hundred: larger systems are solved by several threads, which costs more than it gains.
_MOST_PARTS: Final = 96
# What one brings by the mean, in cells of the transform; and how many cells there are at most.
_CELLS: Final = 10
_MOST_CELLS: Final = 2**16
_CURVE: Final = 10
# How far above a first guess the threshold is looked for.
_REACHES: Final = (2.2, 5.0, 12.0)
_MOST_KURTOSIS: Final = 50.0
_HALVINGS: Final = 30
_LEAST: Final = 1e-12


class Jumps(NamedTuple):
    """How many come on a day, what each brings by the mean, and its variance over the square of the mean."""

    a_day: float
    size: float
    unlike: float

    @classmethod
    def of(cls, a_day: float, total: float, variance: float) -> "Jumps":
        """From what a day brings: its mean and its variance, both above zero.

        Days that vary less than so many alike would are taken to be made of more, smaller ones.
        """
        size = total / a_day
        if variance <= a_day * size**2:
            return cls(total**2 / variance, variance / total, 0.0)
        return cls(a_day, size, variance / (a_day * size**2) - 1)

    @property
    def variance(self) -> float:
        """Of a day."""
        return self.a_day * self.size**2 * (1 + self.unlike)


class Steps(NamedTuple):
    """A day's score: `slope` times what it brought, less `against`; below zero by the mean."""

    jumps: Jumps
    slope: float
    against: float

    @property
    def mean(self) -> float:
        """Of a day's score."""
        return self.slope * self.jumps.a_day * self.jumps.size - self.against

    @property
    def spread(self) -> float:
        """Its standard deviation."""
        return abs(self.slope) * sqrt(self.jumps.variance)


def threshold_of(steps: Steps, days: int, arl0: float, guess: float) -> float:
    """How high the CUSUM may go for one false alarm in `arl0` days, by a base of so many days.

    `guess` is about how high that is. Where it is more than twelve times that, twelve times are returned, at which
    false alarms come more often: such a watch finds nothing in time.
    """
    error, power = _error(steps, days)
    scales = np.exp(error * np.array(ERRORS))
    # A wrong variance is a wrong scale; a wrong drift moves false alarms by the square of the exponent besides.
    weights = np.array(CHANCES) * scales**power
    top = guess
    for reach in _REACHES:
        top = reach * guess
        curve = _curve(steps, top)

        def false_alarms(height: float, curve: Callable[[Floats], Floats] = curve) -> float:
            return float(weights @ np.exp(-curve(height * scales)))

        if false_alarms(top) <= 1 / arl0:
            break
    low, high = 0.0, top
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if false_alarms(middle) > 1 / arl0 else (low, middle)
    return high


def _error(steps: Steps, days: int) -> tuple[float, float]:
    """By how much, as a part, the exponent of the tail may be wrong; and the power of it false alarms go with besides.

    It is twice the drift over the variance. The error of the one is that of a mean, of the other that of a variance;
    where days reach far up, a base without such a day has both too low.
    """
    lam, _, unlike = steps.jumps
    # Moments of lognormal parts: the mean of the k-th power is (1 + unlike) to k (k − 1) / 2.
    skewness = (1 + unlike) ** 1.5 / sqrt(lam) * (1 if steps.slope > 0 else -1)
    kurtosis = min(_MOST_KURTOSIS, (1 + unlike) ** 4 / lam)
    drift = steps.spread / (abs(steps.mean) * sqrt(days))
    variance = sqrt((2 + kurtosis) / days)
    together = max(-1.0, min(1.0, skewness / sqrt(2 + kurtosis)))
    squares = drift**2 + variance**2
    return sqrt(squares + 2 * together * drift * variance), 2 * drift**2 / squares


def _curve(steps: Steps, top: float) -> Callable[[Floats], Floats]:
    """The logarithm of the days between false alarms, by the threshold, up to `top`."""
    width = max(steps.spread / _PARTS, top / _MOST_PARTS)
    parts = ceil(top / width)
    chances = _scores(steps, width, parts)
    places = np.unique(np.geomspace(2, max(3, parts), _CURVE).astype(int))
    lengths = np.log([_run_length(chances, parts, int(each)) for each in places])
    heights = np.concatenate([[0.0], places * width])
    lengths = np.concatenate([[min(lengths[0], -np.log(max(_LEAST, chances[parts + 1 :].sum())))], lengths])
    return lambda height: np.interp(height, heights, lengths)


def _run_length(chances: Floats, parts: int, limit: int) -> float:
    """Mean steps of a chain, held at zero, until it is at `limit`; `chances` are of steps from −parts to parts."""
    below = np.cumsum(chances)[parts::-1]
    here = np.arange(limit)
    moves = chances[parts + here[None, :] - here[:, None]]
    moves[:, 0] = below[:limit]
    # Where it hardly ever gets there it would take for ever.
    return float(np.linalg.solve((1 + _LEAST) * np.eye(limit) - moves, np.ones(limit))[0])


def _scores(steps: Steps, width: float, parts: int) -> Floats:
    """How likely a day's score is each number of parts, from −parts to parts; what is beyond counts at the ends."""
    if steps.jumps.a_day > _MANY:
        edges = (np.arange(-parts, parts) + 0.5) * width
        return np.diff(ndtr((edges - steps.mean) / steps.spread), prepend=0.0, append=1.0)
    sums, cells = _sums(steps, width, parts)
    places = (1 if steps.slope > 0 else -1) * np.arange(len(sums)) / cells
    # Between two parts it is split so that the mean stays exact, which is all that false alarms depend on at first.
    places += steps.mean / width - float(sums @ places)
    lower = np.floor(places).astype(int)
    share = places - lower
    found = np.zeros(2 * parts + 1)
    for part, weight in ((lower, 1 - share), (lower + 1, share)):
        found += np.bincount(np.clip(part, -parts, parts) + parts, sums * weight, 2 * parts + 1)
    return found


def _sums(steps: Steps, width: float, parts: int) -> tuple[Floats, int]:
    """How likely a day brings so many cells; and how many cells make a part of the chain."""
    lam, size, unlike = steps.jumps
    part = width / abs(steps.slope)
    reach = 2 * lam * size + 2 * parts * part + abs(steps.against / steps.slope)
    cells = max(1, min(ceil(_CELLS * part / size), int(_MOST_CELLS * part / reach)))
    number = 1 << ceil(reach * cells / part).bit_length()
    edges = (np.arange(number // 2) + 0.5) * part / cells
    if unlike > 0:
        logarithms = log1p(unlike)
        upto = ndtr((np.log(edges / size) + logarithms / 2) / sqrt(logarithms))
    else:
        upto = (edges >= size).astype(float)
    upto[-1] = 1.0
    brought = np.zeros(number)
    brought[: number // 2] = np.diff(upto, prepend=0.0)
    found = np.maximum(np.fft.irfft(np.exp(lam * (np.fft.rfft(brought) - 1)), number), 0.0)
    return found / found.sum(), cells
