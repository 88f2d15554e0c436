"""Intervals around proportions."""

from math import sqrt

# The 97.5 % quantile of the normal distribution: two-sided 95 %.
_Z = 1.959963984540054


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion; `trials` must be positive.

    It stays within 0 and 1 and has the stated coverage for small numbers too, where p ± 1.96·SE has neither.
    """
    share = successes / trials
    square = _Z * _Z / trials
    centre = (share + square / 2) / (1 + square)
    half = _Z * sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == trials else centre + half)
