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


def fit(repeats: Array, means: Array, start: Parameters | None = None, weights: Array | None = None) -> Fit:
    """The most likely parameters of repeaters with these repeats (> 0) and mean amounts (> 0): p, q, v.

    `weights` are how many people each stands for; none: one.
    """
    people = np.ones(len(repeats)) if weights is None else weights
    typical = float(np.median(means))
    first = np.array(start or (2.0, 3.0, typical))
    # Amounts may be in đồng or in euros: the likelihood is climbed in units of the typical one.
    first[2] /= typical
    found = maximise(lambda theta: log_likelihood(repeats, means / typical, theta, people), first, float(people.sum()))
    p, q, v = found.parameters
    # One over the unit for each amount whose density it is.
    likelihood = found.log_likelihood - float(people.sum() * np.log(typical))
    problem = found.problem or ("no_mean" if q <= 1 else None)
    return found._replace(parameters=(p, q, v * typical), log_likelihood=likelihood, problem=problem)


def log_likelihood(x: Array, m: Array, theta: Array, people: Array | None = None) -> tuple[float, Array, Array]:
    """The log-likelihood of these means with its gradient and Hessian; each stands for so many `people`, or for one."""
    p, q, v = theta
    w = np.ones(len(x)) if people is None else people
    n = float(w.sum())
    px, whole = p * x, x * m + v
    log_whole, into = np.log(whole), 1 / whole
    value = float(
        w @ (gammaln(px + q) - gammaln(px) + (px - 1) * np.log(m) + px * np.log(x) - (px + q) * log_whole)
        + n * (q * np.log(v) - gammaln(q))
    )
    gradient = np.array(
        [
            (w * x) @ (psi(px + q) - psi(px) + np.log(m) + np.log(x) - log_whole),
            w @ (psi(px + q) - log_whole) + n * (np.log(v) - psi(q)),
            n * q / v - (w * (px + q)) @ into,
        ]
    )
    together = polygamma(1, px + q)
    pq, pv, qv = (w * x) @ together, -((w * x) @ into), n / v - w @ into
    hessian = np.array(
        [
            [(w * x**2) @ (together - polygamma(1, px)), pq, pv],
            [pq, w @ together - n * polygamma(1, q), qv],
            [pv, qv, (w * (px + q)) @ into**2 - n * q / v**2],
        ]
    )
    return value, gradient, hessian


def expected(of: Parameters, repeats: Array, means: Array) -> Array:
    """What the next purchase is expected to be: between one's own mean and everybody's."""
    return np.asarray(of.p * (of.v + repeats * means) / (of.p * repeats + of.q - 1), dtype=np.float64)
