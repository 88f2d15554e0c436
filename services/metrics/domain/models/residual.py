"""What is still to come: expected purchases of a time ahead, discounted or not, in the rate form.

E = P(alive) · ∫₀ᵗ e^(-δs) · rate(s) ds, where `rate` is what somebody alive now is expected to buy per day s days from
now. The integrand is positive and smooth, so nothing cancels, whatever the parameters: unlike the closed forms, which
lose all digits near a = 1 or s = 1 and for short times. Substituting u = log(1 + s/scale), 24 Gauss-Legendre nodes
give 12 digits and more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import hyp2f1

from services.metrics.domain.models.betageo import Parameters as BetaGeo
from services.metrics.domain.models.betageo import Variant
from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.pareto import Parameters as Pareto

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


@dataclass(frozen=True, slots=True)
class Course:
    """How the rate of each of several histories goes on: purchases per day of somebody alive now, so many days ahead.

    `rate` takes days of shape (histories, nodes); `scale` are the days in which it changes, by history.
    """

    rate: Callable[[Array], Array]
    scale: Array

    def until(self, end: float, discounts: Sequence[float], begin: float = 0.0) -> Array:
        """Purchases from `begin` to `end`, by each of the continuous discounts per day: shape (discounts, histories).

        What costs time is the rate, which is the same for all discounts.
        """
        low, high = np.log1p(begin / self.scale), np.log1p(end / self.scale)
        half = (high - low) / 2
        u = low[:, None] + half[:, None] * (NODES + 1)
        ahead = self.scale[:, None] * np.expm1(u)
        values = self.rate(ahead) * (self.scale[:, None] + ahead)
        kept = ((values * np.exp(-each * ahead) if each else values) @ WEIGHTS for each in discounts)
        return np.stack([half * each for each in kept])

    def cumulated(self, days: Array, discount: float = 0.0) -> Array:
        """Purchases within each of `days`, which ascend: shape (histories, days)."""
        begins = (0.0, *map(float, days[:-1]))
        pieces = [self.until(end, (discount,), begin)[0] for begin, end in zip(begins, map(float, days), strict=True)]
        return np.cumsum(np.stack(pieces, axis=1), axis=1)


def betageo(of: BetaGeo, variant: Variant, repeats: Array, age: Array) -> Course:
    """Under BG/NBD or MBG/NBD. What day they were last seen does not matter once they are alive."""
    r, alpha, a, b = of
    scale = alpha + age
    above = b + repeats + (variant == "mbg_nbd")

    def rate(ahead: Array) -> Array:
        w = ahead / scale[:, None]
        return ((r + repeats) / scale)[:, None] * _hyp(r + repeats + 1, a, a + above, w)

    return Course(rate, scale)


def pareto(of: Pareto, repeats: Array, age: Array) -> Course:
    """Under Pareto/NBD: the rate falls with the chance to be alive still."""
    r, alpha, s, beta = of

    def rate(ahead: Array) -> Array:
        still = s * (np.log(beta + age)[:, None] - np.log((beta + age)[:, None] + ahead))
        return ((r + repeats) / (alpha + age))[:, None] * np.exp(still)

    return Course(rate, np.minimum(alpha, beta) + age)


def _hyp(n: Array, a: float, c: Array, w: Array) -> Array:
    """2F1(n, a; c; -w) for w >= 0: by Pfaff's transformation, whose argument stays below one."""
    with np.errstate(over="ignore", invalid="ignore"):
        turned = np.exp(-a * np.log1p(w)) * hyp2f1(a, (c - n)[:, None], c[:, None], w / (1 + w))
    bad = ~np.isfinite(turned)
    if bad.any():
        turned = np.where(bad, hyp2f1(n[:, None], a, c[:, None], -w), turned)
    return np.asarray(turned, dtype=np.float64)
