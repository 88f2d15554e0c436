"""sBG and BdW: how long subscriptions last, period by period.

Shifted-beta-geometric: Fader, Hardie (2007), How to Project Customer Retention. Beta-discrete-Weibull: Fader, Hardie,
Liu, Davin, Steenburgh (2018), where the chance to leave changes with time too: S(t) = B(a, b + t^c) / B(a, b), and
c = 1 is sBG.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, polygamma, psi

from services.metrics.domain.models.histories import Array
from services.metrics.domain.models.newton import Fit, Likelihood, maximise

# Survival beyond this many periods is not summed: at 3 % loss a period nothing is left of it.
LONGEST = 1_000


class Parameters(NamedTuple):
    """Of a base: chances to leave at a renewal are Beta(a, b); `c` below 1: less and less likely."""

    a: float
    b: float
    c: float = 1.0


def fit(lost: Sequence[float], left: float, *, with_time: bool = False) -> Fit:
    """The most likely parameters of a cohort that lost so many at each renewal, with `left` that are still there.

    a and b, and c where `with_time`. Several cohorts are fitted together by adding what they lost at each renewal, and
    what each had left at its own last one with `fit_cohorts`.
    """
    return fit_cohorts([(lost, left)], with_time=with_time)


def fit_cohorts(cohorts: Sequence[tuple[Sequence[float], float]], *, with_time: bool = False) -> Fit:
    """The most likely parameters of several cohorts, each as in `fit`."""
    begin = np.concatenate([np.arange(len(lost) + 1.0) for lost, _ in cohorts])
    end = np.concatenate([np.append(np.arange(1.0, len(lost) + 1), np.inf) for lost, _ in cohorts])
    many = np.concatenate([np.append(np.asarray(lost, float), left) for lost, left in cohorts])
    start = np.array((1.0, 1.0, 1.0) if with_time else (1.0, 1.0))
    return maximise(likelihood_of(begin, end, many), start, float(many.sum()))


def survival(of: Parameters, periods: Array) -> Array:
    """How many of a cohort are still there after so many renewals, as a share."""
    return np.asarray(np.exp(betaln(of.a, of.b + periods**of.c) - betaln(of.a, of.b)), dtype=np.float64)


def residual(of: Parameters, renewed: int, discount: float, periods: int = LONGEST) -> float:
    """Discounted renewals still expected of somebody who has renewed so often, within `periods` ahead.

    `discount` is per period: 0.1 is ten per cent. The next renewal is discounted once.
    """
    return float(residuals(of, np.array([float(renewed)]), discount, periods)[0])


def residuals(of: Parameters, renewed: Array, discount: float, periods: int = LONGEST) -> Array:
    """The same of several who have renewed so often, at once."""
    ahead = np.arange(1.0, periods + 1)
    still = survival(of, renewed[:, None] + ahead) / survival(of, renewed)[:, None]
    return np.asarray(still @ (1 + discount) ** -ahead, dtype=np.float64)


def likelihood_of(begin: Array, end: Array, many: Array) -> Likelihood:
    """That so `many` left between `begin` and `end`, each in renewals; infinity: they are still there."""

    def likelihood(theta: Array) -> tuple[float, Array, Array]:
        before, its_slope, its_curve = _survival(theta, begin)
        after, other_slope, other_curve = _survival(theta, end)
        chance = before - after
        slope = (its_slope - other_slope) / chance
        curve = (its_curve - other_curve) / chance - slope[:, None] * slope[None]
        return float(many @ np.log(chance)), slope @ many, curve @ many

    return likelihood


def _survival(theta: Array, t: Array) -> tuple[Array, Array, Array]:
    """Survival at `t` with its first and second derivatives by a, b and, if it is there, c; nothing at infinity."""
    a, b = theta[0], theta[1]
    c = theta[2] if len(theta) > 2 else 1.0
    ends = np.isfinite(t)
    t = np.where(ends, t, 1.0)
    k = t**c
    log_t = np.log(np.maximum(t, 1.0))
    value = np.where(ends, np.exp(betaln(a, b + k) - betaln(a, b)), 0.0)
    by_k = psi(b + k) - psi(a + b + k)
    slope = np.array([psi(a + b) - psi(a + b + k), by_k - psi(b) + psi(a + b), by_k * k * log_t])
    one, all_k, own_k, own = polygamma(1, a + b), polygamma(1, a + b + k), polygamma(1, b + k), polygamma(1, b)
    step = k * log_t
    curve = np.array(
        [
            [one - all_k, one - all_k, -all_k * step],
            [one - all_k, own_k - all_k - own + one, (own_k - all_k) * step],
            [-all_k * step, (own_k - all_k) * step, (own_k - all_k) * step**2 + by_k * step * log_t],
        ]
    )
    size = len(theta)
    slope, curve = slope[:size], curve[:size, :size]
    return value, value * slope, value * (curve + slope[:, None] * slope[None])
