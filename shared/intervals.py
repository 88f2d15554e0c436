"""How sure a share is: what every service that counts people says beside its figure.

What else figures of satisfaction need stands with them, in `services/metrics/domain/intervals.py`.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

Method = Literal["adjusted_wald", "wilson", "newcombe", "greenwood", "jackknife", "mover", "model", "known_bounds"]

LEVEL = 0.95

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true value lies, with probability `level`."""

    low: float
    high: float
    level: float = LEVEL
    method: Method = "wilson"


def normal_quantile(level: float) -> float:
    """How many standard errors reach to each side for a two-sided level, 0 < level < 1."""
    return _NORMAL.inv_cdf((1 + level) / 2)


def wilson(successes: float, trials: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share; `trials` must be positive.

    It stays within 0 and 1 and has the stated coverage for small numbers too, where p ± 1.96·SE has neither.
    """
    z = normal_quantile(level)
    share = successes / trials
    square = z * z / trials
    centre = (share + square / 2) / (1 + square)
    # Of weights, a share of 1 can come out an ulp above it.
    spread = max(0.0, share * (1 - share) / trials + square / (4 * trials))
    half = z * sqrt(spread) / (1 + square)
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= trials else min(1.0, centre + half)
    return Interval(low, high, level, "wilson")
