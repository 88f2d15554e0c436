"""Scores as they were counted, and what a figure needs of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE
from services.metrics.satisfaction.domain.query import Metric
from services.metrics.satisfaction.domain.tally import item_id

Formula = Literal["mean", "pct_5_7", "net"]
FORMULAS: tuple[Formula, ...] = ("mean", "pct_5_7", "net")
K_ANONYMOUS = 5
TOO_FEW_ANONYMOUS = "Fewer than five answered anonymously: to show it would tell who."


class Item(NamedTuple):
    """A question of a version whose scores make a figure."""

    survey_id: UUID
    version: int
    question: str
    lowest: int
    highest: int
    is_anonymous: bool

    @property
    def id(self) -> UUID:
        """Under which its scores are summed."""
        return item_id(self.survey_id, self.version, self.question)


def fits(metric: Metric, kind: str, lowest: int | None, highest: int | None) -> bool:
    """Whether a question is one of this metric: NPS is from 0 to 10, CES from 1 to 7, CSAT on any scale of three up."""
    if kind != metric or lowest is None or highest is None:
        return False
    if metric == "nps":
        return (lowest, highest) == (0, 10)
    if metric == "ces":
        return (lowest, highest) == (1, 7)
    return lowest >= 0 and lowest + 2 <= highest <= HIGHEST_SCORE


class Counted(NamedTuple):
    """How many answers of an item, a group and a weight (thousandths) had each score from 0 to 10."""

    item: UUID
    value: str
    weight: int
    counts: Sequence[int]


@dataclass(slots=True)
class Scores:
    """Answers of one group: how many had which score, on each scale; and the same weighted.

    `weighted` is in thousandths, `squares` in millionths: whole numbers, so that no order of adding matters.
    """

    histogram: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    weighted: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    squares: int = 0
    anonymous: int = 0

    def add(self, item: Item, counted: Counted, sign: int = 1) -> None:
        """Count answers to an item, or with −1 no more."""
        scale = (item.lowest, item.highest)
        plain = self.histogram.setdefault(scale, [0] * (HIGHEST_SCORE + 1))
        heavy = self.weighted.setdefault(scale, [0] * (HIGHEST_SCORE + 1))
        number = 0
        for score in range(item.lowest, item.highest + 1):
            count = sign * counted.counts[score]
            plain[score] += count
            heavy[score] += count * counted.weight
            number += count
        self.squares += number * counted.weight**2
        self.anonymous += number * item.is_anonymous

    @property
    def n(self) -> int:
        """How many answers."""
        return sum(map(sum, self.histogram.values()))

    @property
    def weight(self) -> int:
        """What they weigh together, in thousandths."""
        return sum(map(sum, self.weighted.values()))

    @property
    def is_plain(self) -> bool:
        """Whether each weighs one: only then it is so by the mean, and in the mean of squares."""
        n = self.n
        return self.weight == 1_000 * n and self.squares == 1_000_000 * n


def too_few(anonymous: Mapping[str, int], *, parts_of_a_whole: bool) -> set[str]:
    """The groups whose figure would say what single people answered anonymously; counts are of anonymous answers.

    Where the groups are parts of a whole that is shown, what is left of it must not say so either: then the smallest
    of the others is not shown as well.
    """
    hidden = {group for group, number in anonymous.items() if 0 < number < K_ANONYMOUS}
    if hidden and parts_of_a_whole:
        others = sorted((number, group) for group, number in anonymous.items() if number >= K_ANONYMOUS)
        if others and sum(anonymous[group] for group in hidden) < K_ANONYMOUS:
            hidden.add(others[0][1])
    return hidden
