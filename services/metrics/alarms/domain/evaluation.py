"""One direction of a watch, looked at: its path, what it raised, and the evidence of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

from services.metrics.alarms.domain import measuring
from services.metrics.alarms.domain.gathering import FIRM_WEEKS, path_start
from services.metrics.alarms.domain.measuring import Level
from services.metrics.alarms.domain.onset import onset
from services.metrics.alarms.domain.path import Episode, Path, Step, walk
from services.metrics.alarms.domain.scoring import Missing, Scoring
from services.metrics.alarms.domain.series import WEEK, Series
from services.metrics.alarms.domain.watch import Dates, Direction, Watch
from services.metrics.satisfaction.domain.measures import Measure


class Silence(NamedTuple):
    """Why there are no days to look at; `since` is the last day with anything on it."""

    reason: Literal[
        "mixed_formulas", "no_answers", "no_purchases", "no_recent_purchases", "no_subscribers", "no_window_yet"
    ]
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of it. `missing` says why nothing can be said of the last day; then there may still be a path."""

    measure: Measure
    series: Series | None
    path: Path | None
    missing: Missing | Silence | None
    episodes: tuple[tuple[Episode, Dates], ...]

    @property
    def last(self) -> int | None:
        """The last day that was looked at."""
        return None if self.series is None else self.series.last

    @property
    def steps(self) -> Sequence[Step]:
        """The path, day by day."""
        return () if self.path is None else self.path.steps

    @property
    def now(self) -> tuple[float | None, float | None]:
        """Statistic and threshold of the last day."""
        return (self.steps[-1].statistic, self.steps[-1].threshold) if self.steps else (None, None)

    @property
    def firm_from(self) -> int:
        """What was over before is as it was said last."""
        return 0 if self.series is None else path_start(self.series.last) + WEEK * FIRM_WEEKS

    @property
    def dates(self) -> list[Dates]:
        """When what was raised began and was over, in order."""
        return [dates for _, dates in self.episodes if dates.cleared is None or dates.cleared >= self.firm_from]

    def evidence(self, dates: Dates | None) -> dict[str, Any] | None:
        """What speaks for an alarm; None if it is not one of this path."""
        series = self.series
        episode = next((each for each, known in self.episodes if known == dates), None)
        if episode is None or series is None:
            return None
        last = series.last if episode.cleared is None else episode.cleared
        return {
            "definition": self.measure.definition,
            "unit": self.measure.unit,
            "before": _level(measuring.before(self.measure, series, episode.scoring)),
            "since": _level(measuring.level(self.measure, series, episode.change, last)),
            "basis": _basis(episode.scoring),
        }

    def document(self) -> dict[str, Any]:
        """All that is shown of it."""
        basis = None if self.path is None or isinstance(self.path.basis, Missing) else _basis(self.path.basis)
        return {
            "definition": self.measure.definition,
            "unit": self.measure.unit,
            "missing": _missing(self.missing),
            "basis": basis,
            "path": self._points(),
        }

    def _points(self) -> list[tuple[object, ...]]:
        if self.series is None or not self.steps:
            return []
        offset = self.steps[0].day - self.series.first
        numbers, totals = self.series.numbers()[offset:].tolist(), self.series.totals()[offset:].tolist()
        return [
            (
                step.day,
                round(n, 3),
                None if not n else round(total / n, 4),
                None if step.statistic is None else round(step.statistic, 4),
                None if step.threshold is None else round(step.threshold, 4),
                step.is_raised,
            )
            for step, n, total in zip(self.steps, numbers, totals, strict=True)
        ]


def evaluate(watch: Watch, direction: Direction, measure: Measure, seen: Series | Silence) -> Evaluation:
    """Walk through all days there are."""
    if isinstance(seen, Silence):
        return Evaluation(measure, None, None, seen, ())
    path = walk(seen, watch.rule(direction), path_start(seen.last))
    missing = path.basis if isinstance(path.basis, Missing) else None
    episodes = tuple((each, _dates(seen, each)) for each in path.episodes)
    return Evaluation(measure, seen, path, missing, episodes)


def _dates(series: Series, episode: Episode) -> Dates:
    began = onset(series, episode)
    return Dates(began.day, began.first, began.last, episode.raised, episode.cleared, episode.cause)


def _level(level: Level) -> dict[str, Any]:
    interval = level.interval
    return {
        "first": level.first,
        "last": level.last,
        "n": round(level.n, 3),
        "value": level.value,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }


def _basis(scoring: Scoring) -> dict[str, Any]:
    return {
        "first": scoring.first,
        "last": scoring.last,
        "n": round(scoring.answers, 3),
        "value": scoring.mean,
        "shift": scoring.shift,
        "dispersion": scoring.dispersion,
        "threshold": scoring.threshold,
        "days_to_find": scoring.days_to_find,
    }


def _missing(missing: Missing | Silence | None) -> dict[str, Any] | None:
    match missing:
        case None:
            return None
        case Missing():
            return {"reason": missing.reason, "have": missing.have, "need": missing.need, "since": None}
        case Silence():
            since = None if missing.since is None else missing.since.isoformat()
            return {"reason": missing.reason, "have": None, "need": None, "since": since}
