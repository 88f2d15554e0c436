"""What staff believes against what customers say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from shared.events.catalogue.surveys import AskedQuestion

# Histogram of scores.
Scores = Mapping[int, int]
NO_SCORES: Scores = {}


class Place(NamedTuple):
    """A question, or a row of a matrix."""

    question_id: str
    row: str | None


@dataclass(frozen=True, slots=True)
class MirrorWave:
    """A closed wave. `answers` are those that may be told, by role and place; `predictions` of NPS by role."""

    id: UUID
    survey_id: UUID
    version: int
    touchpoint: str | None
    stage: str | None
    period_from: date
    period_to: date
    opened_at: datetime
    closed_at: datetime
    results_visible_from: datetime
    bias: tuple[str, ...]
    questions: tuple[AskedQuestion, ...]
    answered: int
    withheld: int
    shared: int
    scores: Mapping[str, Mapping[Place, Scores]]
    predictions: Mapping[str, Sequence[int]]

    @property
    def roles(self) -> list[str]:
        """Roles of which enough answered."""
        return sorted(self.scores)

    def internal(self, place: Place, role: str | None = None) -> Scores:
        """What a role, or all of those that may be told, believe."""
        roles = self.roles if role is None else [role]
        whole: Counter[int] = Counter()
        for each in roles:
            whole.update(self.scores[each].get(place, NO_SCORES))
        return whole

    def predicted(self, role: str | None = None) -> list[int]:
        """What a role, or all, predict the NPS to be."""
        return [each for name, said in self.predictions.items() if role in (None, name) for each in said]

    def places(self) -> list[tuple[Place, AskedQuestion]]:
        """All that was asked, in the order of the questions."""
        asked = {place for parts in self.scores.values() for place in parts}
        return [
            (place, question)
            for question in self.questions
            for place in sorted(asked, key=lambda each: each.row or "")
            if place.question_id == question.id
        ]


def top_two(scores: Scores, question: AskedQuestion) -> tuple[int, int]:
    """How many gave one of the two highest scores of the scale, of how many: 4 and 5 of five, 9 and 10 of an NPS."""
    if question.highest is None:
        return 0, 0
    top = sum(number for score, number in scores.items() if score >= question.highest - 1)
    return top, sum(scores.values())


def nps_counts(scores: Scores) -> tuple[int, int, int]:
    """Promoters (9, 10), passives (7, 8) and detractors."""
    promoters = sum(number for score, number in scores.items() if score >= 9)
    passives = sum(number for score, number in scores.items() if 7 <= score <= 8)
    return promoters, passives, sum(scores.values()) - promoters - passives
