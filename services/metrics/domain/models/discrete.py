"""BG/BB: buying or not at each of so many occasions, until one leaves between two of them.

Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting. Chances to buy are
Beta(a, b), chances to leave Beta(c, d). For donors, subscribers to a season, or visits counted by the week.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, logsumexp, polygamma, psi

from services.metrics.domain.models.histories import Array, Histories
from services.metrics.domain.models.mixtures import of_sums
from services.metrics.domain.models.newton import Fit, maximise


class Parameters(NamedTuple):
    """Of a base: buying at an occasion Beta(a, b), leaving before the next Beta(c, d)."""

    a: float
    b: float
    c: float
    d: float


def fit(histories: Histories, start: Parameters | None = None) -> Fit:
    """The most likely parameters; `recency` and `age` of the histories are counted in occasions."""
    first = np.array(start or (1.0, 1.0, 1.0, 1.0))
    return maximise(lambda theta: log_likelihood(histories, theta), first, histories.total)


def log_likelihood(of: Histories, theta: Array) -> tuple[float, Array, Array]:
    """The log-likelihood of all histories with its gradient and Hessian."""
    a, b, c, d = theta
    parts, m = _parts(theta, of.repeats, of.recency, of.age)
    x = of.repeats[:, None]
    is_gone = (np.arange(parts.shape[1]) > 0).astype(float)
    slopes = (
        psi(a + x) - psi(a + b + m) - psi(a) + psi(a + b),
        psi(b + m - x) - psi(a + b + m) - psi(b) + psi(a + b),
        psi(c + is_gone) - psi(c + d + m + is_gone) - psi(c) + psi(c + d),
        psi(d + m) - psi(c + d + m + is_gone) - psi(d) + psi(c + d),
    )
    buying = polygamma(1, a + b) - polygamma(1, a + b + m)
    leaving = polygamma(1, c + d) - polygamma(1, c + d + m + is_gone)
    curves = {
        (0, 0): buying + polygamma(1, a + x) - polygamma(1, a),
        (0, 1): buying,
        (1, 1): buying + polygamma(1, b + m - x) - polygamma(1, b),
        (2, 2): leaving + polygamma(1, c + is_gone) - polygamma(1, c),
        (2, 3): leaving,
        (3, 3): leaving + polygamma(1, d + m) - polygamma(1, d),
    }
    whole = parts.shape
    return of_sums(
        of.customers,
        parts,
        [np.broadcast_to(each, whole) for each in slopes],
        {pair: np.broadcast_to(each, whole) for pair, each in curves.items()},
    )


def _parts(theta: Array, repeats: Array, recency: Array, age: Array) -> tuple[Array, Array]:
    """Logarithms of being there at the end, and of having left after each occasion since the last that was taken.

    With each, how many occasions it had: what cannot have been is as unlikely as it can be.
    """
    a, b, c, d = theta
    later = np.arange(float((age - recency).max()))
    m = np.concatenate((age[:, None], recency[:, None] + later), axis=1)
    is_possible = m < age[:, None]
    is_possible[:, 0] = True
    m = np.where(is_possible, m, age[:, None])
    x = repeats[:, None]
    is_gone = (np.arange(m.shape[1]) > 0).astype(float)
    parts = betaln(a + x, b + m - x) - betaln(a, b) + betaln(c + is_gone, d + m) - betaln(c, d)
    return np.where(is_possible, parts, -1e300), m


def alive(of: Parameters, repeats: Array, recency: Array, age: Array) -> Array:
    """How likely it is that somebody is still there at the next occasion."""
    parts, _ = _parts(np.array(of), repeats, recency, age)
    whole = logsumexp(parts, axis=1)
    next_one = np.log(of.d + age) - np.log(of.c + of.d + age)
    return np.asarray(np.exp(parts[:, 0] + next_one - whole), dtype=np.float64)


def expected(of: Parameters, repeats: Array, recency: Array, age: Array, ahead: int) -> Array:
    """Occasions taken among the next `ahead`."""
    parts, _ = _parts(np.array(of), repeats, recency, age)
    buys = (of.a + repeats) / (of.a + of.b + age)
    # Still there at each of the next occasions.
    times = age[:, None] + np.arange(1.0, ahead + 1)
    stays = np.exp(betaln(of.c, of.d + times) - betaln(of.c, of.d + age)[:, None]).sum(1)
    return np.asarray(np.exp(parts[:, 0] - logsumexp(parts, axis=1)) * buys * stays, dtype=np.float64)
