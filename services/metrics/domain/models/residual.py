"""What is still to come: expected purchases of a time ahead, discounted or not, in the rate form.

E = P(alive) · ∫₀ᵗ e^(-δs) · rate(s) ds, where `rate` is what somebody alive now is expected to buy per day s days from
now. The integrand is positive and smooth, so nothing cancels, whatever the parameters: unlike the closed forms, which
lose all digits near a = 1 or s = 1 and for short times. Substituting u = log(1 + s/scale), 24 Gauss-Legendre nodes
give 12 digits and more.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import hyp2f1

from services.metrics.domain.models.betageo import Parameters as BetaGeo
from services.metrics.domain.models.betageo import Variant
from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.pareto import Parameters as Pareto

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def betageo(of: BetaGeo, variant: Variant, repeats: Array, age: Array, days: Array, discount: float = 0.0) -> Array:
    """Purchases of somebody alive within each of `days` (ascending), by history: shape (histories, days).

    `discount` is continuous, per day. What they were last seen does not matter once they are alive, so that histories
    may be given by repeats and age alone.
    """
    r, alpha, a, b = of
    scale = alpha + age
    above = b + repeats + (variant == "mbg_nbd")

    def rate(ahead: Array) -> Array:
        w = ahead / scale[:, None]
        return ((r + repeats) / scale)[:, None] * _hyp(r + repeats + 1, a, a + above, w)

    return _cumulated(rate, scale, days, discount)


def pareto(of: Pareto, repeats: Array, age: Array, days: Array, discount: float = 0.0) -> Array:
    """The same under Pareto/NBD: the rate falls with the chance to be alive still."""
    r, alpha, s, beta = of
    scale = np.minimum(alpha, beta) + age

    def rate(ahead: Array) -> Array:
        still = s * (np.log(beta + age)[:, None] - np.log((beta + age)[:, None] + ahead))
        return ((r + repeats) / (alpha + age))[:, None] * np.exp(still)

    return _cumulated(rate, scale, days, discount)


def _cumulated(rate: Callable[[Array], Array], scale: Array, days: Array, discount: float) -> Array:
    """The integral from nothing to each of `days`, piece by piece."""
    pieces, begin = [], 0.0
    for end in days:
        low, high = np.log1p(begin / scale), np.log1p(end / scale)
        half = (high - low) / 2
        u = low[:, None] + half[:, None] * (NODES + 1)
        ahead = scale[:, None] * np.expm1(u)
        values = rate(ahead) * (scale[:, None] + ahead)
        if discount:
            values = values * np.exp(-discount * ahead)
        pieces.append(half * (values @ WEIGHTS))
        begin = float(end)
    return np.cumsum(np.stack(pieces, axis=1), axis=1)


def _hyp(n: Array, a: float, c: Array, w: Array) -> Array:
    """2F1(n, a; c; -w) for w >= 0: by Pfaff's transformation, whose argument stays below one."""
    with np.errstate(over="ignore", invalid="ignore"):
        turned = np.exp(-a * np.log1p(w)) * hyp2f1(a, (c - n)[:, None], c[:, None], w / (1 + w))
    bad = ~np.isfinite(turned)
    if bad.any():
        turned = np.where(bad, hyp2f1(n[:, None], a, c[:, None], -w), turned)
    return np.asarray(turned, dtype=np.float64)
