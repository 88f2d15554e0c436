"""BG/NBD and MBG/NBD: buying at a rate of one's own until one leaves, which happens after a purchase.

BG/NBD: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way. MBG/NBD, where somebody may leave after the
first purchase too: Batislam, Denizel, Filiztekin (2007). Rates are Gamma(r, alpha), the chance to leave is Beta(a, b).

Both are one formula: with k = b + repeats - 1 (BG/NBD) or b + repeats (MBG/NBD) the likelihood of a history is
Γ(r+x) α^r / Γ(r) · [B(a, k+1) (α+T)^-(r+x) + B(a+1, k) (α+t)^-(r+x)] / B(a, b),
of which BG/NBD has no second part where nothing was bought again.
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import gammaln, polygamma, psi

from services.metrics.domain.models.histories import Array, Histories, Ints, dot
from services.metrics.domain.models.newton import Fit, Likelihood, maximise

Variant = Literal["bg_nbd", "mbg_nbd"]
# Above this many histories a sample of them is climbed first: most steps are far from the top.
_SAMPLE = 20_000
# Days up to here are looked up in a table of all of them: 54 years.
_LONGEST_TABLE = 20_000


class Parameters(NamedTuple):
    """Of a base: rates Gamma(r, alpha) per day, leaving Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


class _Rows:
    """What the likelihood needs of histories that does not change with the parameters, ordered by repeats.

    `can_leave` are the histories that may have ended after their last purchase; all arrays by row are of those alone.
    What depends on repeats only is summed over `starts`, and computed once for each number of them.
    """

    def __init__(self, histories: Histories, variant: Variant) -> None:
        of = histories.ordered()
        self.total = of.total
        self.shift = 0.0 if variant == "mbg_nbd" else -1.0
        self.x, first = np.unique(of.repeats, return_index=True)
        self.by_x = np.add.reduceat(of.customers, first)
        self.days, self.by_age, self.repeats_by_age = _by_day(of.age, of.customers, of.customers * of.repeats)
        begin = 0 if variant == "mbg_nbd" else int(np.searchsorted(of.repeats, 0, side="right"))
        self.weight, self.repeats = of.customers[begin:], of.repeats[begin:]
        self.can_leave = self.x >= (0 if variant == "mbg_nbd" else 1)
        self.starts = first[self.can_leave] - begin
        self.sizes = np.diff(np.append(self.starts, len(self.weight)))
        self.table, (self.age_at, self.recency_at) = _numbered(of.age[begin:], of.recency[begin:])

    def sums(self, values: Array) -> Array:
        """By repeats, of those who can have left."""
        return np.asarray(np.add.reduceat(values, self.starts), np.float64) if len(values) else np.zeros(0)


def _by_day(day: Array, *weights: Array) -> tuple[Array, ...]:
    """The distinct days, and the sums of each weight over them."""
    days, (at,) = _numbered(day)
    sums = (np.bincount(at, weights=each, minlength=len(days)) for each in weights)
    return (days, *(np.asarray(each, dtype=np.float64) for each in sums))


def _numbered(*columns: Array) -> tuple[Array, list[Ints]]:
    """A table of days that has all these, and the places of each in it."""
    longest = max((float(each.max(initial=0)) for each in columns), default=0.0)
    places = [each.astype(np.int64) for each in columns]
    if longest < _LONGEST_TABLE and all((each == at).all() for each, at in zip(columns, places, strict=True)):
        return np.arange(longest + 1), places
    days, at = np.unique(np.concatenate(columns), return_inverse=True)
    return days, np.split(at, np.cumsum([len(each) for each in columns])[:-1])


def fit(histories: Histories, variant: Variant, start: Parameters | None = None) -> Fit:
    """The most likely parameters: r, alpha, a, b."""
    first = np.array(start or (0.5, max(float(np.average(histories.age, weights=histories.customers)) / 4, 1.0), 1, 3))
    if start is None and len(histories) > 2 * _SAMPLE:
        sample = histories.sample(_SAMPLE)
        first = np.array(maximise(likelihood_of(sample, variant), first, sample.total).parameters)
    return maximise(likelihood_of(histories, variant), first, histories.total)


def likelihood_of(histories: Histories, variant: Variant) -> Likelihood:
    """The log-likelihood of these histories, as it is climbed."""
    rows = _Rows(histories, variant)
    return lambda theta: _log_likelihood(rows, theta)


def _log_likelihood(rows: _Rows, theta: Array) -> tuple[float, Array, Array]:
    """The log-likelihood of all histories with its gradient and Hessian.

    Of each it is what it would be of somebody alive, times 1 + odds of having left after the last purchase.
    """
    value, gradient, hessian = _of_alive(rows, theta)
    value += _add_left(rows, theta, gradient, hessian)
    return value, gradient, hessian + np.triu(hessian, 1).T


def _of_alive(rows: _Rows, theta: Array) -> tuple[float, Array, Array]:
    """As if all were alive at the end: sums over repeats and over ages. Only the upper half of the Hessian."""
    r, alpha, a, b = theta
    by, x, total = rows.by_x, rows.x, rows.total
    above = b + x + rows.shift + 1
    logs, inverse = np.log(alpha + rows.days), 1 / (alpha + rows.days)
    purchases = r * rows.by_age + rows.repeats_by_age
    value = dot(by, gammaln(r + x) + gammaln(above) - gammaln(a + above)) - dot(purchases, logs)
    value += total * (r * np.log(alpha) - gammaln(r) - gammaln(b) + gammaln(a + b))
    gradient = np.array(
        [
            dot(by, psi(r + x)) + total * (np.log(alpha) - psi(r)) - dot(rows.by_age, logs),
            total * r / alpha - dot(purchases, inverse),
            total * psi(a + b) - dot(by, psi(a + above)),
            dot(by, psi(above) - psi(a + above)) + total * (psi(a + b) - psi(b)),
        ]
    )
    together, apart = total * polygamma(1, a + b), dot(by, polygamma(1, a + above))
    hessian = np.zeros((4, 4))
    hessian[0, 0] = dot(by, polygamma(1, r + x)) - total * polygamma(1, r)
    hessian[0, 1] = total / alpha - dot(rows.by_age, inverse)
    hessian[1, 1] = dot(purchases, inverse**2) - total * r / alpha**2
    hessian[2, 2] = hessian[2, 3] = together - apart
    hessian[3, 3] = dot(by, polygamma(1, above)) - apart + together - total * polygamma(1, b)
    return value, gradient, hessian


def _add_left(rows: _Rows, theta: Array, gradient: Array, hessian: Array) -> float:
    """What having left adds: the logarithm of 1 + odds, summed, with its derivatives.

    Those of the odds' logarithm are the logarithm of (α+T)/(α+t) by r, n times `apart` by α, 1/a and -1/k.
    """
    r, alpha, a, b = theta
    x = rows.x[rows.can_leave]
    n, k = r + x, b + x + rows.shift
    logs, inverse = np.log(alpha + rows.table), 1 / (alpha + rows.table)
    gap = logs[rows.age_at] - logs[rows.recency_at]
    by_age, by_last = inverse[rows.age_at], inverse[rows.recency_at]
    apart = by_age - by_last
    odds = np.repeat(n, rows.sizes) * gap + np.repeat(np.log(a / k), rows.sizes)
    small = np.exp(-np.abs(odds))
    value = dot(rows.weight, np.maximum(odds, 0) + np.log1p(small))
    left = np.where(odds >= 0, 1.0, small) / (1 + small)
    likely = rows.weight * left
    unsure = likely * (1 - left)
    # By repeats: of which n and k are, so that they come in afterwards.
    u, u_gap, u_apart = rows.sums(likely), rows.sums(likely * gap), rows.sums(likely * apart)
    u_curve = rows.sums(likely * apart * (by_age + by_last))
    s_gaps, s_aparts = unsure * gap, unsure * apart
    s, s_gap, s_apart = rows.sums(unsure), rows.sums(s_gaps), rows.sums(s_aparts)
    gradient += (u_gap.sum(), dot(n, u_apart), u.sum() / a, -dot(u, 1 / k))
    hessian[0, 0] += dot(s_gaps, gap)
    hessian[0, 1] += u_apart.sum() + dot(n, rows.sums(s_gaps * apart))
    hessian[0, 2] += s_gap.sum() / a
    hessian[0, 3] -= dot(s_gap, 1 / k)
    hessian[1, 1] += dot(n**2, rows.sums(s_aparts * apart)) - dot(n, u_curve)
    hessian[1, 2] += dot(n, s_apart) / a
    hessian[1, 3] -= dot(n / k, s_apart)
    hessian[2, 2] += (s.sum() - u.sum()) / a**2
    hessian[2, 3] -= dot(s, 1 / k) / a
    hessian[3, 3] += dot(s + u, 1 / k**2)
    return value


def alive(of: Parameters, variant: Variant, repeats: Array, recency: Array, age: Array) -> Array:
    """How likely it is that somebody still is a customer. BG/NBD says 1 of all who bought once: no churn risk."""
    r, alpha, a, b = of
    k = repeats + (b - (variant == "bg_nbd"))
    with np.errstate(divide="ignore", over="ignore"):
        odds = a / k * np.exp((r + repeats) * np.log1p((age - recency) / (alpha + recency)))
        found = 1 / (1 + odds)
    if variant == "bg_nbd":
        found[repeats == 0] = 1.0
    return np.asarray(found, dtype=np.float64)
