"""What is still to come: expected purchases of a time ahead, discounted or not, in the rate form.

E = P(alive) · ∫₀ᵗ e^(-δs) · rate(s) ds, where `rate` is what somebody alive now is expected to buy per day s days from
now. The integrand is positive and smooth, so nothing cancels, whatever the parameters: unlike the closed forms, which
lose all digits near a = 1 or s = 1 and for short times. Substituting u = log(1 + s/scale), 24 Gauss-Legendre nodes
give 12 digits and more.

Of many customers the rate is needed at many more points than it has shapes: under BG/NBD and MBG/NBD it is the same
function of u for all who bought as often, analytic but for |Im u| >= π. A Chebyshev series of each gives all digits.
How far u goes depends on the age alone, so what all frequencies come to at all ages is one product of two matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import hyp2f1

from services.metrics.domain.models.betageo import Parameters as BetaGeo
from services.metrics.domain.models.betageo import Variant
from services.metrics.domain.models.histories import Array, Ints, numbered
from services.metrics.domain.models.pareto import Parameters as Pareto

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
# Of each shape there must be so many customers that a series is cheaper than the function itself.
_ENOUGH = 4
_LONGEST_SERIES = 60
# The last terms of a series that has come to its end, beside its greatest.
_NEGLIGIBLE = 1e-13
# Of more frequencies times ages no table is made.
_MOST_CELLS = 1 << 22
# Multiplications of a product of matrices for which BLAS wakes no threads, that wait for one another on a busy machine.
_ONE_THREAD = 1 << 18


@dataclass(frozen=True, slots=True)
class Grid:
    """Histories by how often and how long ago was bought, of which there are few: `shape`, `place` are where each is.

    `flow_of` is the flow of each frequency, `scales` the scale of each age.
    """

    flow_of: Callable[[Array], Array]
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
        series = _Series.of(grid, float(high.max()))
        if series is None:
            return None
        places = grid.shape * len(grid.scales) + grid.place
        found = {
            each: series.purchases(low, high, grid.scales, each).ravel()[places] for each in dict.fromkeys(discounts)
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
class _Series:
    """Chebyshev series of the flow of each shape from 0 to `end`, and of its integral: shape (terms, shapes)."""

    terms: Array
    integrals: Array
    end: float

    @classmethod
    def of(cls, grid: Grid, end: float) -> "_Series | None":
        """As long as the nearest singularity asks for; None: it would not end, or the function itself is cheaper."""
        shapes = int(grid.shape.max()) + 1
        if end <= 0 or len(grid.shape) < _ENOUGH * shapes or shapes * len(grid.scales) > _MOST_CELLS:
            return None
        farness = 2 * np.pi / end
        length = int(np.ceil(35 / np.log(farness + np.hypot(1, farness)))) + 4
        if length > _LONGEST_SERIES:
            return None
        places, wave = _waves(length)
        values = grid.flow_of(end / 2 * (1 + places)[None, :])
        terms = np.einsum("kj,sj->ks", wave, values)
        if (np.abs(terms[-2:]).max(axis=0) > _NEGLIGIBLE * np.abs(terms).max(axis=0)).any():
            return None
        return cls(terms, _integrated(terms, end / 2), end)

    def purchases(self, low: Array | None, high: Array, scales: Array, discount: float) -> Array:
        """From u = `low` (None: 0) to `high` of each age, discounted: shape (frequencies, ages)."""
        if not discount:
            waves = self._waves(high, len(self.integrals))
            return _product(self.integrals, waves if low is None else waves - self._waves(low, len(self.integrals)))
        low = np.zeros(len(high)) if low is None else low
        half = ((high - low) / 2)[:, None]
        u = low[:, None] + half * (NODES + 1)
        weights = half * WEIGHTS * np.exp(-discount * scales[:, None] * np.expm1(u))
        return _product(self.terms, np.einsum("kan,an->ka", self._waves(u, len(self.terms)), weights))

    def _waves(self, u: Array, number: int) -> Array:
        """The first Chebyshev polynomials at u."""
        angle = np.arccos(np.minimum(np.maximum(2 / self.end * u - 1, -1), 1))
        return np.asarray(np.cos(np.multiply.outer(np.arange(number), angle)), dtype=np.float64)


def _product(terms: Array, waves: Array) -> Array:
    """The sum over the first axis of both: shape (shapes, ages)."""
    at_once = max(1, _ONE_THREAD // terms.size)
    columns = range(0, waves.shape[1], at_once)
    return np.concatenate([terms.T @ waves[:, begin : begin + at_once] for begin in columns], axis=1)


@lru_cache(maxsize=_LONGEST_SERIES)
def _waves(length: int) -> tuple[Array, Array]:
    """Where a series of so many terms looks at a function, and what makes its terms of what it sees there."""
    steps = np.arange(length)
    wave = 2 / length * np.cos(np.pi * np.outer(steps, steps + 0.5) / length)
    wave[0] /= 2
    return np.cos(np.pi * (steps + 0.5) / length), wave


def _integrated(terms: Array, scale: float) -> Array:
    """The series of the integral from -1 on, times `scale`: the integral of T_k is T_(k+1)/2(k+1) - T_(k-1)/2(k-1)."""
    longer = np.concatenate((terms, np.zeros((2, terms.shape[1]))))
    found = np.empty((len(terms) + 1, terms.shape[1]))
    found[1:] = scale * (longer[:-2] - longer[2:]) / (2 * np.arange(1, len(terms) + 1))[:, None]
    found[1] += scale * terms[0] / 2
    # That of -1 is nothing: there T_k is 1 and -1 by turns.
    found[0] = found[1::2].sum(axis=0) - found[2::2].sum(axis=0)
    return found


def betageo(of: BetaGeo, variant: Variant, repeats: Array, age: Array) -> Course:
    """Under BG/NBD or MBG/NBD. What day they were last seen does not matter once they are alive."""
    r, alpha, a, b = of

    def flow_of(often: Array) -> Callable[[Array], Array]:
        def flow(u: Array) -> Array:
            above = b + often + (variant == "mbg_nbd")
            return (r + often)[:, None] * np.exp(u) * _hyp(r + often + 1, a, a + above, np.expm1(u))

        return flow

    (often, shape), (ages, place) = numbered(repeats), numbered(age)
    return Course(flow_of(repeats), alpha + age, Grid(flow_of(often), shape, alpha + ages, place))


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


def _hyp(n: Array, a: float, c: Array, w: Array) -> Array:
    """2F1(n, a; c; -w) for w >= 0: by Pfaff's transformations, whose argument stays below one.

    One of them holds unless both n and a are in the thousands: then it is the mean of (1 + p w)^-n over a p that hardly
    varies.
    """
    z, grown = w / (1 + w), np.log1p(w)
    n, c = n[:, None], c[:, None]
    ways = (
        lambda: np.exp(-a * grown) * hyp2f1(a, c - n, c, z),
        lambda: np.exp(-n * grown) * hyp2f1(n, c - a, c, z),
        lambda: np.exp(-n * np.log1p(w * a / c)),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        found = ways[0]()
        for way in ways[1:]:
            if (bad := ~np.isfinite(found)).any():
                found = np.where(bad, way(), found)
    return np.asarray(found, dtype=np.float64)
