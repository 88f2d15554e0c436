"""The way of a CUSUM through the days, and what it raised.

It stands at zero as long as days speak against a change, climbs when they speak for it, and raises where it reaches the
threshold. As long as it stands at zero the base goes with it, in whole weeks; when it leaves zero the base stays where
it was, so that a change never becomes its own measure. A raised alarm is cleared where the CUSUM, which climbs no
further than to one and a half thresholds, is back at zero: to raise and to clear both need as much evidence, so nothing
flaps. A level that has held for a quarter is the new one.

What was raised and is over is in the base of what follows, as all days are: where nothing had changed in truth, to
leave it out would leave the better days, and false alarms would come half as often again as is stated (simulated).
"""

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
    # The first day that may be in the base.
    since: int
    statistic: float = 0.0
    change: int = 0
    raised: int | None = None
    basis: Scoring | Missing | None = None
    _made_of: tuple[int, int] = (0, 0)

    def rebase(self, day: int) -> Scoring | Missing:
        """The scoring of a day before which there is no sign of a change; the same for all days of a week."""
        end = self.series.first + (day - GUARD_DAYS - self.series.first) // WEEK * WEEK
        made_of = (end, self.since)
        if self.basis is None or made_of != self._made_of:
            self._made_of = made_of
            rule = self.rule
            first = max(self.since, end - WEEK * rule.base_weeks)
            weeks = list(range(end - WEEK, first - 1, -WEEK))[::-1]
            self.basis = scoring_of(self.series, weeks, way=rule.way, change=rule.change, arl0=rule.arl0)
        return self.basis


def walk(series: Series, rule: Rule, first: int) -> Path:
    """The path from the day `first` on to the last day of the series."""
    state = _Walk(series, rule, max(series.beginning, rule.base_from or series.first))
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
    elif day - open_.raised >= SETTLED_AFTER_DAYS:
        cause = "settled"
        state.since, state.statistic = open_.change, 0.0
    else:
        return
    state.raised = None
    episodes[-1] = Episode(open_.change, open_.raised, day, cause, open_.scoring)
