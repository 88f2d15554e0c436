"""How long something lasts where some of it has not ended yet (Kaplan and Meier 1958, Greenwood 1926).

Lengths are whole days. Whoever has waited c days without an end is watched for c days and no longer: to count only
waits that ended would take long ones for rare, and to count all that did not end for never would take news for loss.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models.histories import Array, Ints
from shared.intervals import LEVEL, Interval, Method, normal_quantile, wilson

# Of persons, by the last bits of their id.
GROUPS = 16
# Student's t of 15 degrees of freedom at 95 %: so few groups tell how much they differ not for sure.
_T = 2.1314


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

    def ended_by(self, day: int, after: int = -1, left_out: "LeftOut | None" = None) -> Share | None:
        """Of those that lasted longer than `after` days, the share that ends by `day`; None if nobody is watched.

        The interval is Greenwood's on the scale of log(−log), which keeps it within 0 and 1; or that of `left_out`,
        where it is wider.
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
            return Share(1 - lasting, wilson(watched if seen else 0, watched), seen, waiting)
        half = _greenwood(np.array([lasting]), self.spread[day : day + 1] - spread)
        wider = None if left_out is None else left_out.half_width(day, after)
        method: Method = "greenwood" if wider is None or wider <= half[0] else "jackknife"
        low, high = _ends(np.array([lasting]), half if wider is None else np.maximum(half, wider))
        return Share(1 - lasting, Interval(1 - float(high[0]), 1 - float(low[0]), LEVEL, method), seen, waiting)

    def length(self, share: float, left_out: "LeftOut | None" = None) -> Length | None:
        """By when such a share has ended (Brookmeyer and Crowley 1982); None: it has not while anybody was watched."""
        reached = _first(1 - self.lasting, share)
        if reached is None:
            return None
        half = _greenwood(self.lasting, self.spread)
        if left_out is not None:
            half = np.maximum(half, left_out.half_widths(len(half)))
        low, high = _ends(self.lasting, half)
        soonest, latest = _first(1 - low, share), _first(1 - high, share)
        return Length(reached, reached if soonest is None else min(soonest, reached), latest)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What lasts without each group of persons in turn: rows are groups, columns days (the jackknife).

    Somebody who waits time and again waits alike, so waits of one person tell less than as many of several, and
    Greenwood's interval is too narrow. Groups hold persons whole, so how much they differ counts that in.
    """

    lasting: Array

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]] | Ints, days: int) -> "LeftOut":
        """From rows (group, days, has ended, how many), for a curve of so many days."""
        table = np.asarray(rows, dtype=np.int64).reshape(-1, 4)
        places = (table[:, 0], np.minimum(table[:, 1], days - 1))
        ended, waits = np.zeros((GROUPS, days)), np.zeros((GROUPS, days))
        np.add.at(waits, places, table[:, 3])
        np.add.at(ended, places, table[:, 3] * table[:, 2])
        waiting = np.cumsum(waits[:, ::-1], axis=1)[:, ::-1]
        others, over = waiting.sum(axis=0) - waiting, ended.sum(axis=0) - ended
        return cls(np.cumprod(1 - np.divide(over, others, out=np.zeros_like(over), where=others > 0), axis=1))

    def half_width(self, day: int, after: int = -1) -> float | None:
        """Half an interval on the scale of log(−log); None: it cannot be said."""
        before = np.ones(GROUPS) if after < 0 else self.lasting[:, after]
        if not (before > 0).all():
            return None
        lasting = self.lasting[:, day] / before
        return float(_jackknife(lasting)) if ((lasting > 0) & (lasting < 1)).all() else None

    def half_widths(self, days: int) -> Array:
        """The same for each day from the beginning; 0: it cannot be said."""
        inside = ((self.lasting > 0) & (self.lasting < 1)).all(axis=0)
        found = np.zeros(days)
        found[inside] = _jackknife(self.lasting[:, inside])
        return found


def _jackknife(lasting: Array) -> Array:
    scale = np.log(-np.log(lasting))
    variance = (GROUPS - 1) / GROUPS * ((scale - scale.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(_T * np.sqrt(variance))


def _first(ended: Array, share: float) -> int | None:
    # A product of many factors may miss a share that it meets exactly by some ulps.
    reached = ended >= share - 1e-12
    return int(np.argmax(reached)) if reached.any() else None


def _greenwood(lasting: Array, spread: Array) -> Array:
    """Half of the interval on the scale of log(−log); 0 where all last or none do, which has no such scale."""
    inside = (lasting > 0) & (lasting < 1)
    logs = np.abs(np.log(lasting, out=np.full_like(lasting, -1.0), where=inside))
    return np.where(inside, normal_quantile(LEVEL) * np.sqrt(spread) / logs, 0.0)


def _ends(lasting: Array, half: Array) -> tuple[Array, Array]:
    """Both ends of the interval of each share that lasts."""
    factor = np.exp(np.minimum(half, 700.0))
    return lasting**factor, lasting ** (1 / factor)
