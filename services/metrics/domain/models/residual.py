"""What is still to come: expected purchases of a time ahead, discounted or not, in the rate form.

E = P(alive) · ∫₀ᵗ e^(-δs) · rate(s) ds, where `rate` is what somebody alive now is expected to buy per day s days from
now. The integrand is positive and smooth, so nothing cancels, whatever the parameters: unlike the closed forms, which
lose all digits near a = 1 or s = 1 and for short times. Substituting u = log(1 + s/scale), 24 Gauss-Legendre nodes
give 12 digits and more.

Of many customers the rate is needed at many more points than it has shapes: under BG/NBD and MBG/NBD it is the same
function of u for all who bought as often, analytic but for |Im u| >= π, so that a few dozen of Chebyshev's points say
all of it. How far u goes depends on the age alone, so what all frequencies come to at all ages is one product of two
matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import asinh, ceil, pi

import numpy as np

from services.metrics.domain.models import hypergeometric
from services.metrics.domain.models.betageo import Parameters as BetaGeo
from services.metrics.domain.models.betageo import Variant
from services.metrics.domain.models.histories import Array, Ints, numbered, product
from services.metrics.domain.models.interpolation import LONGEST, Points
from services.metrics.domain.models.pareto import Parameters as Pareto

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
# Of each shape there must be so many customers that points of it are cheaper than the function itself.
_ENOUGH = 4
# The last terms of a series that has come to its end, beside its first.
_NEGLIGIBLE = 1e-13
# Of more frequencies times ages no table is made.
_MOST_CELLS = 1 << 22


@dataclass(frozen=True, slots=True)
class Grid:
    """Histories by how often and how long ago was bought, of which there are few: `shape`, `place` are where each is.

    `flow` is that of each frequency of `often` at each u it is given, shape (frequencies, nodes); `scales` are those of
    each age.
    """

    flow: Callable[[Array], Array]
    often: Array
    shape: Ints
    scales: Array
    place: Ints


@dataclass(frozen=True, slots=True)
class Course:
    """How each of several histories goes on, by u = log(1 + days ahead / scale).

    `flow` is purchases per unit of u of somebody alive now; it takes u of shape (histories, nodes). Where `grid` is
    given, the same is read from a table.
    """

    flow: Callable[[Array], Array]
    scale: Array
    grid: Grid | None = None

    def tabled(self, end: float, discounts: Sequence[float], begin: float = 0.0) -> Array | None:
        """What `until` answers, from a table; None: there is none, or it would cost more."""
        grid = self.grid
        if grid is None:
            return None
        low = np.log1p(begin / grid.scales) if begin else None
        high = np.log1p(end / grid.scales)
        sampled = _Sampled.of(grid, float(high.max()))
        if sampled is None:
            return None
        places = grid.shape * len(grid.scales) + grid.place
        found = {
            each: sampled.purchases(low, high, grid.scales, each).ravel()[places] for each in dict.fromkeys(discounts)
        }
        return np.array([found[each] for each in discounts])

    def until(self, end: float, discounts: Sequence[float], begin: float = 0.0) -> Array:
        """Purchases from `begin` to `end`, by each of the continuous discounts per day: shape (discounts, histories).

        What costs time is the flow, which is the same for all discounts.
        """
        if (found := self.tabled(end, discounts, begin)) is not None:
            return found
        low, high = np.log1p(begin / self.scale), np.log1p(end / self.scale)
        half = (high - low) / 2
        u = low[:, None] + half[:, None] * (NODES + 1)
        values = self.flow(u)
        ahead = self.scale[:, None] * np.expm1(u)
        return np.stack([half * ((values * np.exp(-each * ahead)) @ WEIGHTS) for each in discounts])

    def cumulated(self, days: Array, discount: float = 0.0) -> Array:
        """Purchases within each of `days`, which ascend: shape (histories, days)."""
        begins = (0.0, *map(float, days[:-1]))
        pieces = [self.until(end, (discount,), begin)[0] for begin, end in zip(begins, map(float, days), strict=True)]
        return np.cumsum(np.stack(pieces, axis=1), axis=1)


@dataclass(frozen=True, slots=True)
class _Sampled:
    """The flow of each frequency at Chebyshev's points from u = 0 to `end`: shape (frequencies, points)."""

    flow: Array
    points: Points
    end: float

    @classmethod
    def of(cls, grid: Grid, end: float) -> "_Sampled | None":
        """At as many as the nearest singularity asks for; None: they do not do, or the function itself is cheaper."""
        shapes = len(grid.often)
        if end <= 0 or len(grid.shape) < _ENOUGH * shapes or shapes * len(grid.scales) > _MOST_CELLS:
            return None
        length = ceil(35 / asinh(2 * pi / end)) + 4
        if length > LONGEST:
            return None
        points = Points.of(length)
        flow = grid.flow(end / 2 * (1 + points.places))
        terms = np.abs(flow @ points.ends)
        return cls(flow, points, end) if (terms[:, :2] <= _NEGLIGIBLE * terms[:, 2:]).all() else None

    def purchases(self, low: Array | None, high: Array, scales: Array, discount: float) -> Array:
        """From u = `low` (None: 0) to `high` of each age, discounted: shape (frequencies, ages).

        Without a discount it is `high` times the mean up to there, which is as smooth as the flow itself.
        """
        if not discount:
            shares = self._shares(high, high)
            if low is not None:
                shares -= self._shares(low, low)
            return product(product(self.flow, self.points.means), shares)
        low = np.zeros(len(high)) if low is None else low
        half = ((high - low) / 2)[:, None]
        u = low[:, None] + half * (NODES + 1)
        weights = half * WEIGHTS * np.exp(-discount * scales[:, None] * np.expm1(u))
        return product(self.flow, self._shares(u, weights).sum(axis=2))

    def _shares(self, u: Array, by: Array) -> Array:
        return self.points.shares(2 / self.end * u - 1, by)


def betageo(of: BetaGeo, variant: Variant, repeats: Array, age: Array) -> Course:
    """Under BG/NBD or MBG/NBD. What day they were last seen does not matter once they are alive."""
    r, alpha, a, b = of
    above = a + b + (variant == "mbg_nbd")
    (often, shape), (ages, place) = numbered(repeats), numbered(age)

    def flow(x: Array, u: Array) -> Array:
        falling = hypergeometric.falling(r + x + 1, a, above + x, np.expm1(u))
        return np.asarray((r + x)[:, None] * np.exp(u) * falling, dtype=np.float64)

    def at_once(u: Array) -> Array:
        # By Pfaff's transformation, of which only the last parameter depends on the frequency.
        table = hypergeometric.table(a, above - r - 1, above + often, -np.expm1(-u))
        if table is None:
            return flow(often, u[None, :])
        return np.asarray((r + often)[:, None] * (np.exp((1 - a) * u) * table), dtype=np.float64)

    return Course(partial(flow, repeats), alpha + age, Grid(at_once, often, shape, alpha + ages, place))


def pareto(of: Pareto, repeats: Array, age: Array) -> Course:
    """Under Pareto/NBD: the rate falls with the chance to be alive still."""
    r, alpha, s, beta = of
    scale = np.minimum(alpha, beta) + age

    def flow(u: Array) -> Array:
        ahead = scale[:, None] * np.expm1(u)
        still = s * (np.log(beta + age)[:, None] - np.log((beta + age)[:, None] + ahead))
        now = (r + repeats) / (alpha + age)
        return np.asarray(now[:, None] * np.exp(still) * (scale[:, None] + ahead), dtype=np.float64)

    return Course(flow, scale)
