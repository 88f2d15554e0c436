"""Gauss' hypergeometric function 2F1 where the models of buying need it, whatever their parameters."""

from math import ceil, log, log1p

import numpy as np
from scipy.special import hyp2f1

from services.metrics.domain.models.histories import Array, product

# A power series of more terms costs more than the function itself.
_LONGEST = 512
# Of what is left out, as a power of e: nothing beside one.
_DIGITS = 37


def falling(n: Array, a: float, c: Array, w: Array) -> Array:
    """2F1(n, a; c; -w) for w >= 0, shape (n, nodes): by Pfaff's transformations, whose argument stays below one.

    One of them holds unless both n and a are in the thousands: then it is the mean of (1 + p w)^-n over a p that hardly
    varies.
    """
    z, grown = w / (1 + w), np.log1p(w)
    n, c = n[:, None], c[:, None]
    ways = (
        lambda: np.exp(-a * grown) * hyp2f1(a, c - n, c, z),
        lambda: np.exp(-n * grown) * hyp2f1(n, c - a, c, z),
        lambda: np.exp(-n * np.log1p(w * a / c)),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        found = ways[0]()
        for way in ways[1:]:
            if (bad := ~np.isfinite(found)).any():
                found = np.where(bad, way(), found)
    return np.asarray(found, dtype=np.float64)


def table(a: float, b: float, c: Array, z: Array) -> Array | None:
    """2F1(a, b; c; z) of each c, none below b, at each z below 1, the greatest of which is first: shape (c, z).

    The power series of all is one product of two matrices; None: it would be too long, or its terms cancel. As b <= c
    no term exceeds that of (1 - z)^-a, whose k-th is at most z^k for a <= 1, and (2k)^(a-1) z^k otherwise.
    """
    slowness = -1 / log(z[0])
    length = slowness * (_DIGITS + log1p(slowness) + max(a - 1, 0) * log(2 * _LONGEST))
    if b < 0 or not length < _LONGEST:
        return None
    step = np.arange(ceil(length) + 1.0)
    terms, powers = np.empty((len(c), len(step) + 1)), np.empty((len(step) + 1, len(z)))
    terms[:, 0], powers[0], powers[1:] = 1, 1, z
    ratios = (a + step) * (b + step) / (1 + step) / (c[:, None] + step)
    np.multiply.accumulate(ratios, axis=1, out=terms[:, 1:])
    np.multiply.accumulate(powers, out=powers)
    return product(terms, powers)
