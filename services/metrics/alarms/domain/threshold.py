"""How high a CUSUM must climb to be believed: the threshold for a stated number of days between false alarms.

The steps of a CUSUM are logarithms of likelihood ratios, so it is, in time that is counted in information (the mean
square of a step), a random walk with drift −½ and variance 1 while nothing has changed, and +½ under the change that is
looked for. Siegmund's (1985) formula for the mean time until such a walk, held at zero, reaches b is exact for Brownian
motion; that steps are jumps is put right by taking 1.166 of a step off b.

What was before is not known but estimated, from a base with so much information and no more. The drift is then wrong by
a normal amount with variance 1 / information, and a small base makes for many more false alarms (Jones, Champ and
Rigdon 2004). So false alarms a day are averaged over that error, and the threshold is the one that keeps this mean.
"""

from functools import lru_cache
from math import exp, expm1, log, pi, sqrt
from typing import Final

# Siegmund (1985), twice 0.583: a walk in steps passes both the zero and the threshold by a part of a step.
OVERSHOOT: Final = 1.166

# Errors of the base, in standard deviations, and how likely each is.
ERRORS: Final = tuple(-3.25 + each / 2 for each in range(14))
_DENSITIES: Final = tuple(exp(-(each**2) / 2) / sqrt(2 * pi) / 2 for each in ERRORS)
CHANCES: Final = tuple(each / sum(_DENSITIES) for each in _DENSITIES)
_HIGHEST: Final = 60.0


def mean_time(height: float, drift: float) -> float:
    """Mean time until a Brownian motion with this drift and variance 1, reflected at zero, is as high as `height`."""
    x = 2 * drift * height
    if abs(x) < 1e-4:
        # The limit at no drift, with the next term of the series.
        return height * height * (1 - x / 3)
    if -x > 700:
        return float("inf")
    return (expm1(-x) + x) / (2 * drift * drift)


def false_alarms(height: float, base_information: float) -> float:
    """False alarms per unit of information, the mean over what the base may be wrong by."""
    spread = 1 / sqrt(base_information)
    return sum(chance / mean_time(height, error * spread - 0.5) for error, chance in zip(ERRORS, CHANCES, strict=True))


@lru_cache(maxsize=4_096)
def _height(log_interval: int, log_base: int) -> float:
    """The height for a mean interval, both arguments in hundredths of a natural logarithm."""
    wanted, base = exp(-log_interval / 100), exp(log_base / 100)
    low, high = 1e-6, _HIGHEST
    for _ in range(60):
        middle = (low + high) / 2
        if false_alarms(middle, base) > wanted:
            low = middle
        else:
            high = middle
    return high


def height_for(interval: float, base_information: float) -> float:
    """How high the walk may go for one false alarm in an `interval` of information, before jumps are allowed for."""
    return _height(round(100 * log(interval)), round(100 * log(base_information)))


def threshold_for(interval: float, base_information: float, step: float) -> float:
    """The same for a walk in steps of this standard deviation; it may be too low to be of any use, even below zero."""
    return height_for(interval, base_information) - OVERSHOOT * step


def delay(height: float) -> float:
    """Mean information until a change of exactly the size that is looked for is found, by a base without error."""
    return mean_time(height, 0.5)
