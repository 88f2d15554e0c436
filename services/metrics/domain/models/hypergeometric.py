"""Gauss' hypergeometric function 2F1 where the models of buying need it, whatever their parameters."""

from collections.abc import Callable
from functools import partial
from math import ceil, log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import hyp2f1

from services.metrics.domain.models.histories import Array, product

# A power series of more terms costs more than the function itself.
_LONGEST = 512
_LONGEST_ALONE = 5_000
_NOTHING = 1e-17
# From there on scipy leaves the power series.
_NEAR_ONE = 9.0
_WHOLE = 1e-9
# Of what is left out, as a power of e: nothing beside one.
_DIGITS = 37


def falling(n: Array, a: float, c: Array, w: Array) -> Array:
    """2F1(n, a; c; -w) for w >= 0, shape (n, nodes): by Pfaff's transformations, whose argument stays below one.

    Near one scipy has few digits or no number where n - a is whole: there the power series is summed itself. One of the
    two transformations holds unless both n and a are in the thousands: then it is the mean of (1 + p w)^-n over a p
    that hardly varies.
    """
    places = np.broadcast_arrays(n[:, None], c[:, None], w)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.where(_is_poor(a, *places), np.nan, _pfaff(hyp2f1, a, *places))
        for way in (partial(_pfaff, _summed), partial(_pfaff, hyp2f1), _pfaff_of_n, _concentrated):
            if (bad := ~np.isfinite(found)).any():
                found[bad] = way(a, *(each[bad] for each in places))
    return found


# 2F1 of arguments that are numbers or arrays of one shape.
_Function = Callable[[Any, Any, Any, Any], Array]


def _is_poor(a: float, n: Array, _c: Array, w: Array) -> NDArray[np.bool_]:
    return (w > _NEAR_ONE) & (np.abs(n - a - np.round(n - a)) < _WHOLE)


def _pfaff(function: _Function, a: float | Array, n: float | Array, c: Array, w: Array) -> Array:
    return np.asarray(np.exp(-a * np.log1p(w)) * function(a, c - n, c, w / (1 + w)), dtype=np.float64)


def _pfaff_of_n(a: float, n: Array, c: Array, w: Array) -> Array:
    return _pfaff(hyp2f1, n, a, c, w)


def _concentrated(a: float, n: Array, c: Array, w: Array) -> Array:
    return np.exp(-n * np.log1p(w * a / c))


def _summed(a: float, b: Array, c: Array, z: Array) -> Array:
    """The power series of 2F1(a, b; c; z); NaN where it has not come to its end after very many terms."""
    term = np.ones(z.shape)
    total = term.copy()
    is_done = np.zeros(z.shape, bool)
    for step in range(_LONGEST_ALONE):
        term = term * ((a + step) * (b + step) / ((1 + step) * (c + step)) * z)
        total += term
        # Below that, what is left of it adds nothing.
        is_done = np.abs(term) * (1 + step) <= _NOTHING * np.abs(total)
        if is_done.all():
            break
    return np.where(is_done, total, np.nan)


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
