"""Gamma-Gamma: what somebody spends per purchase, held apart from how often they buy.

Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value. Amounts are Gamma(p, nu) with nu Gamma(q, v). The first
purchase is left out, as in buying again; amounts of nothing cannot be said anything of.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, polygamma, psi

from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.newton import Fit, maximise


class Parameters(NamedTuple):
    """Of a base. With q of 1 or less the base would have no mean: such a fit says nothing."""

    p: float
    q: float
    v: float

    @property
    def mean(self) -> float:
        """What a purchase of somebody unknown is expected to be."""
        return self.p * self.v / (self.q - 1)


def fit(repeats: Array, means: Array, start: Parameters | None = None) -> Fit:
    """The most likely parameters of repeaters with these repeats (> 0) and mean amounts (> 0): p, q, v."""
    typical = float(np.median(means))
    first = np.array(start or (2.0, 3.0, typical))
    # Amounts may be in đồng or in euros: the likelihood is climbed in units of the typical one.
    first[2] /= typical
    found = maximise(lambda theta: log_likelihood(repeats, means / typical, theta), first, float(len(repeats)))
    p, q, v = found.parameters
    # One over the unit for each amount whose density it is.
    likelihood = found.log_likelihood - len(repeats) * float(np.log(typical))
    problem = found.problem or ("no_mean" if q <= 1 else None)
    return found._replace(parameters=(p, q, v * typical), log_likelihood=likelihood, problem=problem)


def log_likelihood(x: Array, m: Array, theta: Array) -> tuple[float, Array, Array]:
    """The log-likelihood of these means with its gradient and Hessian."""
    p, q, v = theta
    n = float(len(x))
    px, whole = p * x, x * m + v
    log_whole = np.log(whole)
    value = float(
        (gammaln(px + q) - gammaln(px) + (px - 1) * np.log(m) + px * np.log(x) - (px + q) * log_whole).sum()
        + n * (q * np.log(v) - gammaln(q))
    )
    into = 1 / whole
    gradient = np.array(
        [
            x @ (psi(px + q) - psi(px) + np.log(m) + np.log(x) - log_whole),
            psi(px + q).sum() - log_whole.sum() + n * (np.log(v) - psi(q)),
            n * q / v - (px + q) @ into,
        ]
    )
    together = polygamma(1, px + q)
    pq, pv, qv = x @ together, -(x @ into), n / v - into.sum()
    hessian = np.array(
        [
            [x**2 @ (together - polygamma(1, px)), pq, pv],
            [pq, together.sum() - n * polygamma(1, q), qv],
            [pv, qv, (px + q) @ into**2 - n * q / v**2],
        ]
    )
    return value, gradient, hessian


def expected(of: Parameters, repeats: Array, means: Array) -> Array:
    """What the next purchase is expected to be: between one's own mean and everybody's."""
    return np.asarray(of.p * (of.v + repeats * means) / (of.p * repeats + of.q - 1), dtype=np.float64)
