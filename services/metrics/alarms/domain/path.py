"""The way of a CUSUM through the days, and what it raised.

It stands at zero as long as days speak against a change, climbs when they speak for it, and raises where it reaches the
threshold. As long as it stands at zero the base goes with it, in whole weeks; when it leaves zero the base stays where
it was, so that a change never becomes its own measure. A raised alarm is cleared where the CUSUM, which climbs no
further than to one and a half thresholds, is back at zero: to raise and to clear both need as much evidence, so nothing
flaps. What was raised is no base for what follows; but a level that has held for a quarter is the new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from services.metrics.alarms.domain.scoring import Missing, Scoring, Way, scoring_of
from services.metrics.alarms.domain.series import WEEK, Series

# A change that has begun and shows only a little is kept out of the base.
GUARD_DAYS: Final = 14
SETTLED_AFTER_DAYS: Final = 91
CAP: Final = 1.5

Cause = Literal["returned", "settled"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a CUSUM looks for: a change up or down of at least so much, with so many days between false alarms.

    `base_from` is the first day that may be in the base (None: all there are), `base_weeks` how many weeks at most.
    """

    way: Way
    change: float
    arl0: float
    base_weeks: int
    base_from: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A day: where the CUSUM is, and its threshold. Without them nothing could be said."""

    day: int
    statistic: float | None
    threshold: float | None
    is_raised: bool


@dataclass(frozen=True, slots=True)
class Episode:
    """What was raised: the first day of the change, the day it was seen, the day it was over, and by what scoring."""

    change: int
    raised: int
    cleared: int | None
    cause: Cause | None
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class Path:
    """The steps, the episodes in their order, and how the last day was scored, or why not."""

    steps: tuple[Step, ...]
    episodes: tuple[Episode, ...]
    basis: Scoring | Missing


@dataclass(slots=True)
class _Walk:
    series: Series
    rule: Rule
    statistic: float = 0.0
    change: int = 0
    raised: int | None = None
    # Days that are no base, and the first that may be one.
    excluded: list[tuple[int, int]] | None = None
    since: int = 0
    _weeks: tuple[int, ...] = ()
    basis: Scoring | Missing | None = None

    def rebase(self, day: int) -> Scoring | Missing:
        """The scoring of a day before which there is no sign of a change."""
        weeks = self._base(day - GUARD_DAYS)
        if self.basis is None or tuple(weeks) != self._weeks:
            self._weeks = tuple(weeks)
            rule = self.rule
            self.basis = scoring_of(self.series, weeks, way=rule.way, change=rule.change, arl0=rule.arl0)
        return self.basis

    def _base(self, end: int) -> list[int]:
        """The last whole weeks before `end` that may be in the base, by their Mondays, in order."""
        found: list[int] = []
        monday = self.series.first + (end - self.series.first) // WEEK * WEEK - WEEK
        while monday >= max(self.since, self.series.first) and len(found) < self.rule.base_weeks:
            if not any(first < monday + WEEK and monday <= last for first, last in self.excluded or ()):
                found.append(monday)
            monday -= WEEK
        return found[::-1]


def walk(series: Series, rule: Rule, first: int) -> Path:
    """The path from the day `first` on to the last day of the series."""
    state = _Walk(series, rule, since=series.first if rule.base_from is None else rule.base_from, excluded=[])
    episodes: list[Episode] = []
    steps = [_step(state, day, episodes) for day in range(max(first, series.first), series.last + 1)]
    return Path(tuple(steps), tuple(episodes), state.basis or state.rebase(series.last + 1))


def _step(state: _Walk, day: int, episodes: list[Episode]) -> Step:
    if state.statistic <= 0:
        state.change = day
        state.rebase(day)
    scoring = state.basis
    if not isinstance(scoring, Scoring):
        return Step(day, None, None, is_raised=False)
    score = float(scoring.score(state.series, day, day)[0])
    state.statistic = max(0.0, state.statistic + score)
    if state.raised is None:
        if state.statistic >= scoring.threshold:
            state.raised = day
            episodes.append(Episode(state.change, day, None, None, scoring))
    else:
        state.statistic = min(state.statistic, CAP * scoring.threshold)
        _end(state, day, episodes)
    return Step(day, state.statistic, scoring.threshold, is_raised=state.raised is not None)


def _end(state: _Walk, day: int, episodes: list[Episode]) -> None:
    """Clear what is over, or has become the level."""
    open_ = episodes[-1]
    cause: Cause
    if state.statistic <= 0:
        cause = "returned"
        (state.excluded or []).append((open_.change, day))
    elif day - open_.raised >= SETTLED_AFTER_DAYS:
        cause = "settled"
        state.since, state.statistic = open_.change, 0.0
    else:
        return
    state.raised = None
    episodes[-1] = Episode(open_.change, open_.raised, day, cause, open_.scoring)


def mondays(first: int, last: int) -> Iterator[int]:
    """The first days of the whole weeks within these days."""
    monday = first + (-(first + 3)) % WEEK
    while monday + WEEK - 1 <= last:
        yield monday
        monday += WEEK
