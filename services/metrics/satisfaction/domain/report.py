"""What an answer about satisfaction holds: a figure with all that one must know to believe it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from services.metrics.domain.intervals import Comparison, Interval, benjamini_hochberg, wilson
from services.metrics.satisfaction.domain.measures import Measure, Reading, compare, if_silent, read
from services.metrics.satisfaction.domain.query import Days, Query
from services.metrics.satisfaction.domain.scores import Scores

# Response rates that differ by half, and surely: who answers is then another crowd, whatever they say.
_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Response:
    """Who was invited in these days, and what became of it by now. Of anonymous surveys it is not known whose answer
    is whose: theirs are the answers given in these days.
    """

    invited: int
    delivered: int
    expired: int
    responded: int
    completed: int

    @property
    def silent(self) -> int:
        """Who was reached and said nothing."""
        return max(0, self.delivered - self.responded)

    def rate(self, level: float) -> tuple[float, Interval] | None:
        """Responded of delivered, with its interval; None where nobody was reached."""
        if not self.delivered:
            return None
        responded = min(self.responded, self.delivered)
        return responded / self.delivered, wilson(responded, self.delivered, level)

    @property
    def completion(self) -> float | None:
        """Completed of responded."""
        return self.completed / self.responded if self.responded else None

    def __add__(self, other: "Response") -> "Response":
        return Response(
            self.invited + other.invited,
            self.delivered + other.delivered,
            self.expired + other.expired,
            self.responded + other.responded,
            self.completed + other.completed,
        )


NOBODY = Response(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """What was counted for one value of a breakdown, or for all. `unverified` were inferred from a click.

    `response` None: invitations are not kept by this dimension.
    """

    scores: Scores
    unverified: int
    response: Response | None


@dataclass(frozen=True, slots=True)
class Compared:
    """One period beside another. `adjusted_p` counts in that a breakdown makes many comparisons."""

    reading: Reading
    comparison: Comparison
    adjusted_p: float
    is_significant: bool
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of one group. Without `reading` too few answered anonymously for it to be shown."""

    value: str | None
    measure: Measure
    reading: Reading | None
    histogram: Sequence[tuple[int, int, Mapping[int, int]]]
    unverified: int | None
    response: Response | None
    silent_bounds: tuple[float, float] | None
    compared: Compared | None


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a query. `total` None: the surveys make their CES differently, and it has none.

    Of the groups, `withheld` are not shown, for too few answered anonymously.
    """

    query: Query
    days: Days
    compared_with: Days | None
    total: Line | None
    groups: Sequence[Line]
    withheld: int


def line(measure: Measure, value: str | None, group: Group, *, is_shown: bool, level: float) -> Line:
    """The figure of one group, without a comparison."""
    if not is_shown:
        return Line(value, measure, None, (), None, None, None, None)
    reading = read(measure, group.scores, level)
    silent = None if group.response is None else group.response.silent
    return Line(
        value,
        measure,
        reading,
        [
            (*scale, {score: numbers[score] for score in range(scale[0], scale[1] + 1)})
            for scale, numbers in sorted(group.scores.histogram.items())
        ],
        group.unverified,
        group.response,
        None if silent is None else if_silent(measure, reading, silent),
        None,
    )


def beside(lines: Sequence[Line], pairs: Sequence[tuple[Group, Group]], level: float) -> list[Line]:
    """The lines with what each of their pairs (now, then) comes to; as significant as being many allows."""
    found = [
        None if each.reading is None else compare(each.measure, now.scores, then.scores, level)
        for each, (now, then) in zip(lines, pairs, strict=True)
    ]
    adjusted = iter(benjamini_hochberg([each.p_value for each in found if each is not None]))
    result: list[Line] = []
    for each, (now, then), comparison in zip(lines, pairs, found, strict=True):
        if comparison is None:
            result.append(each)
            continue
        p, then_reading = next(adjusted), read(each.measure, then.scores, level)
        cautions = _cautions(now, then, level)
        result.append(replace(each, compared=Compared(then_reading, comparison, p, p < 1 - level, cautions)))
    return result


def _cautions(now: Group, then: Group, level: float) -> tuple[str, ...]:
    found = []
    if now.response is not None and then.response is not None:
        one, two = now.response.rate(level), then.response.rate(level)
        if one is not None and two is not None and _differ(one, two):
            found.append("response_rates_differ")
    if min(now.scores.n, then.scores.n) < 10:
        found.append("few_answers")
    return tuple(found)


def _differ(one: tuple[float, Interval], two: tuple[float, Interval]) -> bool:
    (first, a), (second, b) = one, two
    if min(first, second) * _RATIO >= max(first, second):
        return False
    half = sqrt((a.high - a.low) ** 2 + (b.high - b.low) ** 2) / 2
    return abs(first - second) > half
