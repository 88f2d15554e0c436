"""Counts put together: by the values of a breakdown, and all together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.report import NOBODY, Group, Response
from services.metrics.satisfaction.domain.scores import Counted, Item, Scores


class Asked(NamedTuple):
    """Invitations of a survey and a value of a dimension, and what became of them."""

    survey_id: UUID
    value: str
    invited: int
    delivered: int
    expired: int
    responded: int
    completed: int


class Gathered(NamedTuple):
    """What was counted, by the values of a breakdown and all together."""

    groups: Mapping[str, Group]
    total: Group


@dataclass(slots=True)
class _Parts:
    scores: Scores = field(default_factory=Scores)
    unverified: int = 0
    response: Response = NOBODY
    # Of anonymous surveys: answers and complete ones by survey and question.
    anonymous: defaultdict[tuple[UUID, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def group(self, *, has_response: bool) -> Group:
        if not has_response:
            return Group(self.scores, self.unverified, None)
        response = self.response
        for responded, completed in _most_by_survey(self.anonymous).values():
            response += Response(0, 0, 0, responded, completed)
        return Group(self.scores, self.unverified, response)


def _most_by_survey(anonymous: Mapping[tuple[UUID, str], list[int]]) -> dict[UUID, tuple[int, int]]:
    """Answers to a survey of several questions of one kind: as many as to the one that most answered."""
    found: dict[UUID, tuple[int, int]] = {}
    for (survey, _), (responded, completed) in anonymous.items():
        most = found.get(survey, (0, 0))
        found[survey] = max(most[0], responded), max(most[1], completed)
    return found


class Gathering:
    """Adds up what was counted for a query."""

    def __init__(self, query: Query, items: Mapping[UUID, Item]) -> None:
        self._query = query
        self._items = items
        self._groups: defaultdict[str, _Parts] = defaultdict(_Parts)
        self._total = _Parts()
        self._has_response = False

    def add(self, kind: int, counted: Counted, *, is_newest: bool = True) -> None:
        """Count answers of a kind; of those that are not their person's newest, only that they came."""
        mode, item = self._query.mode, self._items[counted.item]
        number = sum(counted.counts)
        for parts in self._places(item, counted.value):
            # Partial answers are unverified only where partial ones count.
            if kind & 1 and not kind & ~(mode | 1):
                parts.unverified += number
            if item.is_anonymous:
                came = parts.anonymous[item.survey_id, item.question]
                came[0] += number
                came[1] += 0 if kind & 2 else number
            if is_newest and not kind & ~mode:
                parts.scores.add(item, counted)

    def take_out(self, counted: Counted) -> None:
        """Count these no more: a later answer of the same person follows them."""
        item = self._items[counted.item]
        for parts in self._places(item, counted.value):
            parts.scores.add(item, counted, -1)

    def add_asked(self, asked: Iterable[Asked]) -> None:
        """Count invitations."""
        self._has_response = True
        anonymous = {each.survey_id for each in self._items.values() if each.is_anonymous}
        for each in asked:
            response = Response(*each[2:])
            if each.survey_id in anonymous:
                response = Response(*each[2:5], 0, 0)
            for parts in (self._total, *(self._groups[key] for key in self._values(each))):
                parts.response += response

    def result(self) -> Gathered:
        """What it comes to."""
        groups = {key: parts.group(has_response=self._has_response) for key, parts in self._groups.items()}
        return Gathered(groups, self._total.group(has_response=self._has_response))

    def _places(self, item: Item, value: str) -> tuple[_Parts, ...]:
        match self._query.by:
            case None:
                return (self._total,)
            case "survey":
                value = str(item.survey_id)
            case "question":
                value = item.question
        return self._total, self._groups[value]

    def _values(self, asked: Asked) -> set[str]:
        match self._query.by:
            case None:
                return set()
            case "survey":
                return {str(asked.survey_id)}
            case "question":
                return {each.question for each in self._items.values() if each.survey_id == asked.survey_id}
        return {asked.value}
