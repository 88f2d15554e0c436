"""Smooth functions of which only the values at Chebyshev's points are known: read anywhere between, and integrated.

Berrut, Trefethen (2004), Barycentric Lagrange Interpolation. A function that is analytic around the interval is read
with all digits from a few dozen points, and all there is to do is a product of two matrices.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from services.metrics.domain.models.histories import Array

LONGEST = 60
# Exact for polynomials of twice as many terms less one.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(LONGEST // 2)
# Stands for no distance at all: far below the distance of any two numbers around one.
_NOWHERE = 1e-30


@dataclass(frozen=True, slots=True)
class Points:
    """Chebyshev's points of the first kind from 1 down to -1, of which neither end is one.

    `means` makes of values at the points the mean from -1 to each of them, and `ends` the last two terms of the
    Chebyshev series and its first, the mean of all: what the former are beside the latter says how well it is read.
    """

    places: Array
    weights: Array
    means: Array
    ends: Array

    @classmethod
    @lru_cache(maxsize=LONGEST)
    def of(cls, number: int) -> "Points":
        """So many, at most LONGEST."""
        angles = np.pi * (np.arange(number) + 0.5) / number
        places, weights = np.cos(angles), np.sin(angles) * (-1.0) ** np.arange(number)
        before = (1 + places)[:, None] * (_NODES + 1) / 2 - 1
        means = lagrange(places, weights, before, _WEIGHTS[None, :] / 2).sum(axis=2)
        ends = np.cos(np.outer(angles, (number - 1, number - 2, 0))) * (2, 2, 1) / number
        return cls(places, weights, means, ends)

    def shares(self, at: Array, by: Array) -> Array:
        """What each point's value counts for `by` times the value at each place: shape (points, *places)."""
        return lagrange(self.places, self.weights, at, by)


def lagrange(places: Array, weights: Array, at: Array, by: Array) -> Array:
    """Lagrange's polynomials at places from -1 to 1, times `by`."""
    column = (-1, *(1,) * at.ndim)
    shares = at - places.reshape(column)
    shares[shares == 0] = _NOWHERE
    np.divide(weights.reshape(column), shares, out=shares)
    shares *= by / shares.sum(axis=0)
    return shares
