"""Pareto/NBD: buying at a rate of one's own until one leaves, at any moment.

Schmittlein, Morrison, Colombo (1987). Rates are Gamma(r, alpha) per day, so are the rates of leaving: Gamma(s, beta).
The likelihood of a history is
Γ(r+x) α^r β^s / Γ(r) · [(α+T)^-(r+x) (β+T)^-s + s ∫ₜᵀ (α+y)^-(r+x) (β+y)^-(s+1) dy].
The textbook writes the integral as a difference of two hypergeometric functions, which overflows and cancels for
frequent buyers. Here it stays an integral, over a positive integrand, and so do its derivatives.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp, polygamma, psi

from services.metrics.domain.models.histories import Array, Histories
from services.metrics.domain.models.mixtures import of_sums
from services.metrics.domain.models.newton import Fit, maximise

NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
_SAMPLE = 4_000
# At once: bounds the memory of a large base.
_CHUNK = 50_000


class Parameters(NamedTuple):
    """Of a base: rates Gamma(r, alpha) per day, leaving at rates Gamma(s, beta) per day."""

    r: float
    alpha: float
    s: float
    beta: float


def fit(histories: Histories, start: Parameters | None = None) -> Fit:
    """The most likely parameters: r, alpha, s, beta."""
    age = max(float(np.average(histories.age, weights=histories.customers)), 1.0)
    first = np.array(start or (0.5, age / 3, 0.5, age / 3))
    if start is None and len(histories) > 2 * _SAMPLE:
        sample = histories.sample(_SAMPLE)
        first = np.array(maximise(lambda theta: log_likelihood(sample, theta), first, sample.total).parameters)
    return maximise(lambda theta: log_likelihood(histories, theta), first, histories.total)


def log_likelihood(histories: Histories, theta: Array) -> tuple[float, Array, Array]:
    """The log-likelihood of all histories with its gradient and Hessian."""
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    for begin in range(0, len(histories), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        of = Histories(*(each[part] for each in _columns(histories)))
        one, its_gradient, its_hessian = _chunk(of, theta)
        value, gradient, hessian = value + one, gradient + its_gradient, hessian + its_hessian
    return value, gradient, hessian


def _columns(histories: Histories) -> tuple[Array, Array, Array, Array]:
    return histories.repeats, histories.recency, histories.age, histories.customers


def _chunk(of: Histories, theta: Array) -> tuple[float, Array, Array]:
    r, alpha, s, beta = theta
    w, n = of.customers, r + of.repeats
    total = float(w.sum())
    parts, y = _parts(theta, of.repeats, of.recency, of.age)
    is_gone = (np.arange(parts.shape[1]) > 0).astype(float)
    power = s + is_gone
    into_a, into_b = 1 / (alpha + y), 1 / (beta + y)
    slopes = (
        -np.log(alpha + y),
        -n[:, None] * into_a,
        -np.log(beta + y) + is_gone / s,
        -power * into_b,
    )
    curves = {
        (0, 1): -into_a,
        (1, 1): n[:, None] * into_a**2,
        (2, 2): np.broadcast_to(-is_gone / s**2, parts.shape),
        (2, 3): -into_b,
        (3, 3): power * into_b**2,
    }
    value, gradient, hessian = of_sums(w, parts, slopes, curves)
    value += float(w @ gammaln(n) + total * (r * np.log(alpha) + s * np.log(beta) - gammaln(r)))
    gradient += (
        w @ psi(n) + total * (np.log(alpha) - psi(r)),
        total * r / alpha,
        total * np.log(beta),
        total * s / beta,
    )
    hessian[0, 0] += w @ polygamma(1, n) - total * polygamma(1, r)
    hessian[[0, 1], [1, 0]] += total / alpha
    hessian[1, 1] -= total * r / alpha**2
    hessian[[2, 3], [3, 2]] += total / beta
    hessian[3, 3] -= total * s / beta**2
    return value, gradient, hessian


def _parts(theta: Array, repeats: Array, recency: Array, age: Array) -> tuple[Array, Array]:
    """Logarithms of the parts that a likelihood is the sum of, and the day that each speaks of.

    The first is being alive at the end; the others are the nodes of having left before. The nodes lie where the
    integrand is: y = (m + t) e^u - m with m the smaller of alpha and beta, no farther than it takes to vanish.
    """
    r, alpha, s, beta = theta
    n, low = r + repeats, min(alpha, beta)
    steepness = n * (low + recency) / (alpha + recency) + (s + 1) * (low + recency) / (beta + recency) - 1
    reach = np.log((low + age) / (low + recency))
    reach = np.where(steepness * reach > 45, 45 / np.maximum(steepness, 1e-300), reach)
    u = reach[:, None] * (NODES + 1) / 2
    grown = (low + recency)[:, None] * np.exp(u)
    y = np.concatenate((age[:, None], grown - low), axis=1)
    power = np.where(np.arange(y.shape[1]) > 0, s + 1, s)
    parts = -n[:, None] * np.log(alpha + y) - power * np.log(beta + y)
    with np.errstate(divide="ignore"):
        parts[:, 1:] += np.log(s) + np.log(grown) + np.log(reach[:, None] * WEIGHTS / 2)
    return parts, y


def alive(of: Parameters, repeats: Array, recency: Array, age: Array) -> Array:
    """How likely it is that somebody still is a customer."""
    parts, _ = _parts(np.array(of), repeats, recency, age)
    return np.asarray(np.exp(parts[:, 0] - logsumexp(parts, axis=1)), dtype=np.float64)


def silent(of: Parameters, repeats: Array, recency: Array, age: Array, days: float) -> Array:
    """How likely it is that nothing is bought within `days`: the likelihood of the same history, grown older."""
    later, _ = _parts(np.array(of), repeats, recency, age + days)
    now, _ = _parts(np.array(of), repeats, recency, age)
    return np.asarray(np.exp(logsumexp(later, axis=1) - logsumexp(now, axis=1)), dtype=np.float64)
