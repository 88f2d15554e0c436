"""NPS, CSAT and CES of the card, by segment, and what changed them by touchpoint; from one reading of the sums."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from services.metrics.satisfaction.domain.measures import Measure, compare, measure_of, read
from services.metrics.satisfaction.domain.query import METRICS, Metric
from services.metrics.satisfaction.domain.scores import Counted, Formula, Item, Scores, too_few
from services.metrics.scorecard.domain import explaining
from services.metrics.scorecard.domain.card import Explained
from services.metrics.scorecard.domain.drafts import Draft, Maker

AFTER, BEFORE = "now", "before"
Dimension = Literal["all", "segment", "touchpoint"]
_FEW = 10
EVERYBODY = ""


@dataclass(slots=True)
class Opinions:
    """Scores by metric, period, dimension and value."""

    measures: Mapping[Metric, Measure | None]
    scores: dict[tuple[Metric, str, str], defaultdict[str, Scores]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        asked: Mapping[Metric, Sequence[Item]],
        answers: Sequence[tuple[str, str, Counted]],
        formulas: Mapping[UUID, Formula],
    ) -> "Opinions":
        """Put together what was read."""
        found = cls({metric: _measure(metric, asked[metric], formulas) for metric in METRICS})
        items = {item.id: (metric, item) for metric in METRICS for item in asked[metric]}
        for period, dimension, counted in answers:
            metric, item = items[counted.item]
            found._of(metric, period, dimension)[counted.value].add(item, counted)
        return found

    def _of(self, metric: Metric, period: str, dimension: str) -> defaultdict[str, Scores]:
        return self.scores.setdefault((metric, period, dimension), defaultdict(Scores))

    def drafts(self, make: Maker) -> list[tuple[str, str, Draft]]:
        """Each metric of everybody and of each segment."""
        found: list[tuple[str, str, Draft]] = []
        for metric in METRICS:
            after, before = (self._of(metric, period, "segment") for period in (AFTER, BEFORE))
            hidden = self._hidden(metric, "segment")
            found.append((EVERYBODY, metric, self._draft(make, metric, "all", "", is_hidden=False)))
            for segment in sorted({*after, *before}):
                draft = self._draft(make, metric, "segment", segment, is_hidden=segment in hidden)
                found.append((segment, metric, draft))
        return found

    def explained(self) -> list[Explained]:
        """Why each metric changed, by where the answers were given."""
        found: list[Explained] = []
        for metric in METRICS:
            measure = self.measures[metric]
            if measure is None:
                found.append(_cannot(metric, "mixed_formulas"))
            elif self._hidden(metric, "all"):
                found.append(_cannot(metric, "too_few_anonymous"))
            else:
                parts = [self._of(metric, period, "touchpoint") for period in (BEFORE, AFTER)]
                hidden = self._hidden(metric, "touchpoint")
                found.append(explaining.satisfaction(metric, measure, parts[0], parts[1], hidden, "touchpoint"))
        return found

    def _draft(self, make: Maker, metric: Metric, dimension: str, value: str, *, is_hidden: bool) -> Draft:
        measure = self.measures[metric]
        name = (measure or measure_of(metric, "mean")).definition
        if measure is None or is_hidden or (dimension == "all" and self._hidden(metric, "all")):
            reason: Literal["mixed_formulas", "too_few_anonymous"]
            reason = "mixed_formulas" if measure is None else "too_few_anonymous"
            return Draft(make.figure(name, None, make.as_of), None, reason=reason)
        now, before = (self._of(metric, period, dimension)[value] for period in (AFTER, BEFORE))
        pair = [
            make.figure(
                name,
                seen.value,
                day,
                numerator=_numerator(measure, scores),
                denominator=seen.n,
                interval=seen.interval,
                parameters={"persons": "latest", "verification": "confirmed"},
            )
            for scores, day in ((now, make.as_of), (before, make.as_of_before))
            for seen in (read(measure, scores),)
        ]
        cautions = ("few_answers",) if 0 < min(now.n, before.n) < _FEW else ()
        reason_now = None if now.n else "no_data"
        return Draft(pair[0], pair[1], compare(measure, now, before), reason_now, cautions)  # type: ignore[arg-type]

    def _hidden(self, metric: Metric, dimension: str) -> set[str]:
        """The values of which too few answered anonymously, in either period."""
        found: set[str] = set()
        for period in (AFTER, BEFORE):
            anonymous = {value: scores.anonymous for value, scores in self._of(metric, period, dimension).items()}
            found |= too_few(anonymous, parts_of_a_whole=dimension == "touchpoint")
        return found


def _numerator(measure: Measure, scores: Scores) -> int:
    """Unweighted: promoters less detractors, those who are satisfied, or the sum of all scores."""
    if measure.kind == "mean":
        return sum(score * number for numbers in scores.histogram.values() for score, number in enumerate(numbers))
    good, _, bad = measure.split(scores.histogram)
    return round(good - (bad if measure.kind == "net" else 0))


def _measure(metric: Metric, items: Sequence[Item], formulas: Mapping[UUID, Formula]) -> Measure | None:
    """How it is made; None where surveys make it differently."""
    used = sorted({formulas.get(item.survey_id, "mean") for item in items}) if metric == "ces" else []
    return None if len(used) > 1 else measure_of(metric, used[0] if used else "mean")


def _cannot(metric: Metric, reason: Literal["mixed_formulas", "too_few_anonymous"]) -> Explained:
    unit = measure_of(metric, "mean").unit
    return Explained(metric, "mix_and_rate", "touchpoint", unit, None, None, None, (), reason)
