"""BG/NBD and MBG/NBD: buying at a rate of one's own until one leaves, which happens after a purchase.

BG/NBD: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way. MBG/NBD, where somebody may leave after the
first purchase too: Batislam, Denizel, Filiztekin (2007). Rates are Gamma(r, alpha), the chance to leave is Beta(a, b).

Both are one formula: with k = b + repeats - 1 (BG/NBD) or b + repeats (MBG/NBD) the likelihood of a history is
Γ(r+x) α^r / Γ(r) · [B(a, k+1) (α+T)^-(r+x) + B(a+1, k) (α+t)^-(r+x)] / B(a, b),
of which BG/NBD has no second part where nothing was bought again.
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import expit, gammaln, polygamma, psi

from services.metrics.domain.models.histories import Array, Histories, dot
from services.metrics.domain.models.newton import Fit, Likelihood, maximise

Variant = Literal["bg_nbd", "mbg_nbd"]
# Above this many histories a sample of them is climbed first: most steps are far from the top.
_SAMPLE = 20_000


class Parameters(NamedTuple):
    """Of a base: rates Gamma(r, alpha) per day, leaving Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


class _Distinct:
    """What the likelihood needs of histories that does not change with the parameters: each number once."""

    def __init__(self, histories: Histories, variant: Variant) -> None:
        self.of = histories
        self.x, self.x_at = np.unique(histories.repeats, return_inverse=True)
        self.days, at = np.unique(np.concatenate((histories.age, histories.recency)), return_inverse=True)
        self.age_at, self.recency_at = at[: len(histories)], at[len(histories) :]
        self.by_x = np.bincount(self.x_at, weights=histories.customers)
        self.can_have_left = np.ones(len(histories), bool) if variant == "mbg_nbd" else histories.repeats > 0
        self.shift = 0.0 if variant == "mbg_nbd" else -1.0


def fit(histories: Histories, variant: Variant, start: Parameters | None = None) -> Fit:
    """The most likely parameters: r, alpha, a, b."""
    first = np.array(start or (0.5, max(float(np.average(histories.age, weights=histories.customers)) / 4, 1.0), 1, 3))
    if start is None and len(histories) > 2 * _SAMPLE:
        sample = histories.sample(_SAMPLE)
        first = np.array(maximise(likelihood_of(sample, variant), first, sample.total).parameters)
    return maximise(likelihood_of(histories, variant), first, histories.total)


def likelihood_of(histories: Histories, variant: Variant) -> Likelihood:
    """The log-likelihood of these histories, as it is climbed."""
    distinct = _Distinct(histories, variant)
    return lambda theta: _log_likelihood(distinct, theta)


def _log_likelihood(d: _Distinct, theta: Array) -> tuple[float, Array, Array]:
    """The log-likelihood of all histories with its gradient and Hessian."""
    r, alpha, a, b = theta
    weight, total = d.of.customers, d.of.total
    logs, inverse = np.log(alpha + d.days), 1 / (alpha + d.days)
    log_age, log_last = logs[d.age_at], logs[d.recency_at]
    by_age, by_last = inverse[d.age_at], inverse[d.recency_at]
    n = r + d.of.repeats
    above = b + d.x + d.shift + 1
    k = np.where(d.can_have_left, above[d.x_at] - 1, 1.0)
    # Alive at the end, or left after the last purchase; `left` is how likely the latter is.
    alive = -n * log_age
    odds = np.where(d.can_have_left, np.log(a) - np.log(k) + n * (log_age - log_last), -np.inf)
    left = expit(odds)
    stayed = 1 - left
    value = dot(weight, alive + np.logaddexp(0, odds))
    value += _of_repeats(d, r, alpha, a, b, above, total)

    # The two parts' derivatives; where the second is not, its share is zero.
    gap_r, gap_alpha = log_age - log_last, n * (by_age - by_last)
    gap_a, gap_b = 1 / a, -1 / k
    ws, wl, both = weight * stayed, weight * left, weight * stayed * left
    gradient = np.array(
        [
            -dot(ws, log_age) - dot(wl, log_last),
            -dot(ws, n * by_age) - dot(wl, n * by_last),
            wl.sum() / a,
            -dot(wl, 1 / k),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = dot(both, gap_r**2)
    hessian[0, 1] = -dot(ws, by_age) - dot(wl, by_last) + dot(both, gap_r * gap_alpha)
    hessian[0, 2] = dot(both, gap_r) * gap_a
    hessian[0, 3] = dot(both, gap_r * gap_b)
    hessian[1, 1] = dot(ws, n * by_age**2) + dot(wl, n * by_last**2) + dot(both, gap_alpha**2)
    hessian[1, 2] = dot(both, gap_alpha) * gap_a
    hessian[1, 3] = dot(both, gap_alpha * gap_b)
    hessian[2, 2] = (both.sum() - wl.sum()) * gap_a**2
    hessian[2, 3] = dot(both, gap_b) * gap_a
    hessian[3, 3] = dot(both + wl, gap_b**2)
    _add_repeats(d, theta, above, total, gradient, hessian)
    return value, gradient, hessian + np.triu(hessian, 1).T


def _of_repeats(d: _Distinct, r: float, alpha: float, a: float, b: float, above: Array, total: float) -> float:
    own = gammaln(r + d.x) + gammaln(above) - gammaln(a + above)
    return float(d.by_x @ own + total * (r * np.log(alpha) - gammaln(r) - gammaln(b) + gammaln(a + b)))


def _add_repeats(d: _Distinct, theta: Array, above: Array, total: float, gradient: Array, hessian: Array) -> None:
    """What is the same for all histories with as many repeats; only the upper half of the Hessian."""
    r, alpha, a, b = theta
    by = d.by_x
    gradient += (
        by @ psi(r + d.x) + total * (np.log(alpha) - psi(r)),
        total * r / alpha,
        total * psi(a + b) - by @ psi(a + above),
        by @ (psi(above) - psi(a + above)) + total * (psi(a + b) - psi(b)),
    )
    together, apart = polygamma(1, a + b), polygamma(1, a + above)
    hessian[0, 0] += by @ polygamma(1, r + d.x) - total * polygamma(1, r)
    hessian[0, 1] += total / alpha
    hessian[1, 1] -= total * r / alpha**2
    hessian[2, 2] += total * together - by @ apart
    hessian[2, 3] += total * together - by @ apart
    hessian[3, 3] += by @ (polygamma(1, above) - apart) + total * (together - polygamma(1, b))


def alive(of: Parameters, variant: Variant, repeats: Array, recency: Array, age: Array) -> Array:
    """How likely it is that somebody still is a customer. BG/NBD says 1 of all who bought once: no churn risk."""
    r, alpha, a, b = of
    k = b + repeats - (variant == "bg_nbd")
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(a) - np.log(k) + (r + repeats) * (np.log(alpha + age) - np.log(alpha + recency))
    if variant == "bg_nbd":
        odds = np.where(repeats > 0, odds, -np.inf)
    return np.asarray(expit(-odds), dtype=np.float64)
