"""How long something lasts where some of it has not ended yet (Kaplan and Meier 1958, Greenwood 1926).

Lengths are whole days. Whoever has waited c days without an end is watched for c days and no longer: to count only
waits that ended would take long ones for rare, and to count all that did not end for never would take news for loss.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models.histories import Array
from shared.intervals import LEVEL, Interval, normal_quantile, wilson


class Share(NamedTuple):
    """A share of those who waited, with its interval; `ended` of `waiting` were seen to end."""

    value: float
    interval: Interval
    ended: int
    waiting: int


class Length(NamedTuple):
    """A number of days by which a share has ended; an end that is None was not reached while anybody was watched."""

    days: int
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Waits:
    """Of each length in days, at its index: how many waits ended, and how many go on."""

    ended: Array
    going: Array

    @classmethod
    def of(cls, ended: Iterable[tuple[int, int]], going: Iterable[tuple[int, int]]) -> "Waits":
        """From pairs (days, how many), in any order, a length as often as it comes."""
        over, on = list(ended), list(going)
        longest = max((days for days, _ in (*over, *on)), default=0)
        return cls(_counted(over, longest), _counted(on, longest))


def _counted(pairs: Iterable[tuple[int, int]], longest: int) -> Array:
    counted = np.zeros(longest + 1)
    for days, number in pairs:
        counted[days] += number
    return counted


@dataclass(frozen=True, slots=True)
class Curve:
    """Kaplan-Meier by day: `waiting` at the beginning of each, `lasting` after it, `spread` Greenwood's sum so far."""

    ended: Array
    waiting: Array
    lasting: Array
    spread: Array

    @classmethod
    def of(cls, waits: Waits) -> "Curve":
        """The curve of these waits. Whoever is watched for c days is at risk on day c."""
        waiting = np.cumsum((waits.ended + waits.going)[::-1])[::-1]
        left = waiting - waits.ended
        hazard = np.divide(waits.ended, waiting, out=np.zeros_like(waiting), where=waiting > 0)
        terms = np.divide(waits.ended, waiting * left, out=np.zeros_like(waiting), where=left > 0)
        # After the last of all has ended nothing lasts, and Greenwood's sum says nothing more.
        return cls(waits.ended, waiting, np.cumprod(1 - hazard), np.cumsum(terms))

    @property
    def number(self) -> int:
        """How many waits there are."""
        return int(self.waiting[0])

    def watched(self, at_least: int) -> int:
        """The longest wait that so many are watched for; −1 if fewer there are."""
        return int(np.count_nonzero(self.waiting >= at_least)) - 1

    def ended_by(self, day: int, after: int = -1, level: float = LEVEL) -> Share | None:
        """Of those that lasted longer than `after` days, the share that ends by `day`; None if nobody is watched.

        The interval is Greenwood's on the scale of log(−log), which keeps it within 0 and 1.
        """
        if after >= len(self.waiting) - 1 or day >= len(self.waiting) or not self.waiting[after + 1]:
            return None
        before, spread = (1.0, 0.0) if after < 0 else (float(self.lasting[after]), float(self.spread[after]))
        lasting = float(self.lasting[day]) / before
        seen = int(self.ended[after + 1 : day + 1].sum())
        waiting = int(self.waiting[after + 1])
        if not 0 < lasting < 1:
            # Greenwood's interval has no width where none or all ended; Wilson's of those still watched has.
            watched = max(1.0, float(self.waiting[day]))
            return Share(1 - lasting, wilson(watched if seen else 0, watched, level), seen, waiting)
        low, high = _log_log(np.array([lasting]), self.spread[day : day + 1] - spread, level)
        return Share(1 - lasting, Interval(1 - float(high[0]), 1 - float(low[0]), level, "greenwood"), seen, waiting)

    def length(self, share: float, level: float = LEVEL) -> Length | None:
        """By when such a share has ended (Brookmeyer and Crowley 1982); None: it has not while anybody was watched."""
        reached = _first(1 - self.lasting, share)
        if reached is None:
            return None
        low, high = _log_log(self.lasting, self.spread, level)
        soonest, latest = _first(1 - low, share), _first(1 - high, share)
        return Length(reached, reached if soonest is None else min(soonest, reached), latest)


def _first(ended: Array, share: float) -> int | None:
    # A product of many factors may miss a share that it meets exactly by some ulps.
    reached = ended >= share - 1e-12
    return int(np.argmax(reached)) if reached.any() else None


def _log_log(lasting: Array, spread: Array, level: float) -> tuple[Array, Array]:
    """Both ends of the interval of each share that lasts; where all or none do, there is no width."""
    inside = (lasting > 0) & (lasting < 1)
    logs = np.abs(np.log(lasting, out=np.full_like(lasting, -1.0), where=inside))
    factor = np.exp(np.minimum(normal_quantile(level) * np.sqrt(spread) / logs, 700.0))
    return np.where(inside, lasting**factor, lasting), np.where(inside, lasting ** (1 / factor), lasting)
