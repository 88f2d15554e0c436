"""Gamma-Gamma: what somebody spends per purchase, held apart from how often they buy.

Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value. Amounts are Gamma(p, nu) with nu Gamma(q, v). The first
purchase is left out, as in buying again; amounts of nothing cannot be said anything of.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, polygamma, psi

from services.metrics.domain.models.histories import Array, dot
from services.metrics.domain.models.newton import Fit, Likelihood, maximise

# Above this many a sample of them is climbed first: most steps are far from the top.
_SAMPLE = 20_000


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
    if start is None and len(repeats) > 2 * _SAMPLE:
        some = slice(None, None, len(repeats) // _SAMPLE)
        part = likelihood_of(repeats[some], means[some] / typical, people[some])
        first = np.array(maximise(part, first, float(people[some].sum())).parameters)
    found = maximise(likelihood_of(repeats, means / typical, people), first, float(people.sum()))
    p, q, v = found.parameters
    # One over the unit for each amount whose density it is.
    likelihood = found.log_likelihood - float(people.sum() * np.log(typical))
    problem = found.problem or ("no_mean" if q <= 1 else None)
    return found._replace(parameters=(p, q, v * typical), log_likelihood=likelihood, problem=problem)


def likelihood_of(repeats: Array, means: Array, people: Array) -> Likelihood:
    """The log-likelihood of these means, as it is climbed.

    Gamma functions are of the repeats alone, of which there are few; by row there is no more than a logarithm.
    """
    counts = np.asarray(np.bincount(repeats.astype(np.int64), weights=people), dtype=np.float64)
    x = np.flatnonzero(counts).astype(np.float64)
    by_x = counts[counts > 0]
    total, spent = float(people.sum()), repeats * means
    of_repeats = people * repeats
    logs, logs_of_repeats = dot(people, np.log(means)), dot(of_repeats, np.log(spent))

    def likelihood(theta: Array) -> tuple[float, Array, Array]:
        p, q, v = theta
        log_whole, into = np.log(spent + v), 1 / (spent + v)
        slow, fast = dot(people, log_whole), dot(of_repeats, log_whole)
        down, down_fast = dot(people, into), dot(of_repeats, into)
        square = into * into
        px = p * x
        value = dot(by_x, gammaln(px + q) - gammaln(px)) + p * (logs_of_repeats - fast) - logs - q * slow
        value += total * (q * np.log(v) - gammaln(q))
        gradient = np.array(
            [
                dot(by_x * x, psi(px + q) - psi(px)) + logs_of_repeats - fast,
                dot(by_x, psi(px + q)) - slow + total * (np.log(v) - psi(q)),
                total * q / v - p * down_fast - q * down,
            ]
        )
        together, pv, qv = polygamma(1, px + q), -down_fast, total / v - down
        pq = dot(by_x * x, together)
        vv = p * dot(of_repeats, square) + q * dot(people, square) - total * q / v**2
        hessian = np.array(
            [
                [dot(by_x * x**2, together - polygamma(1, px)), pq, pv],
                [pq, dot(by_x, together) - total * polygamma(1, q), qv],
                [pv, qv, vv],
            ]
        )
        return value, gradient, hessian

    return likelihood


def expected(of: Parameters, repeats: Array, means: Array) -> Array:
    """What the next purchase is expected to be: between one's own mean and everybody's."""
    return np.asarray(of.p * (of.v + repeats * means) / (of.p * repeats + of.q - 1), dtype=np.float64)
