"""What people's answers and invitations come to, as sums: a person's part is taken out, changed, and put in again."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import day_of, period_start
from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE, Answer, Ask, Places
from shared.ids import derived_id

ALL = "all"
SEGMENT = "segment"
# A mode says which answers count besides complete and confirmed ones: 1 also inferred, 2 also partial, 3 both.
MODES = range(4)

# item, dimension, value, is_month, day, kind of answer, weight; of answers that a later one follows, whenever that was,
# the modes in which it does (bits), with a minus, stand for the kind.
ScoreKey = tuple[UUID, str, str, bool, int, int, int]
# item, dimension, value, is_month, day, next day, modes (bits), weight
FollowedKey = tuple[UUID, str, str, bool, int, int, int, int]
# survey, dimension, value, is_month, day
AskKey = tuple[UUID, str, str, bool, int]


class Person(NamedTuple):
    """All that is known of a person, under all their keys."""

    answers: Sequence[Answer]
    asks: Sequence[Ask]
    segments: Collection[UUID]


@lru_cache(maxsize=16_384)
def item_id(survey_id: UUID, version: int, question: str) -> UUID:
    """The id under which the scores of a question of a version are summed."""
    return derived_id("satisfaction", str(survey_id), str(version), question)


def _nothing() -> list[int]:
    return [0] * (HIGHEST_SCORE + 1)


@dataclass(slots=True)
class Tally:
    """Differences to apply to the sums."""

    zone: tzinfo
    scores: defaultdict[ScoreKey, list[int]] = field(default_factory=lambda: defaultdict(_nothing))
    followed: defaultdict[FollowedKey, list[int]] = field(default_factory=lambda: defaultdict(_nothing))
    asks: defaultdict[AskKey, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))

    def add(self, person: Person, sign: int = 1) -> None:
        """Count a person, or with −1 no more."""
        segments = [(SEGMENT, str(each)) for each in person.segments]
        self._add_answers(person.answers, segments, sign)
        for ask in person.asks:
            if ask.invited_at is None:
                continue
            day, month = self._days(ask)
            for dimension, value in _slots(ask.places, segments, with_locale=False):
                for is_month, start in ((False, day), (True, month)):
                    sums = self.asks[ask.survey_id, dimension, value, is_month, start]
                    for index, number in enumerate(ask.counts):
                        sums[index] += sign * number

    def _add_answers(self, answers: Sequence[Answer], segments: Sequence[tuple[str, str]], sign: int) -> None:
        chains: defaultdict[tuple[UUID, str], list[tuple[Answer, int]]] = defaultdict(list)
        for answer in answers:
            slots = _slots(answer.places, segments)
            day, month = self._days(answer)
            for question, score in answer.scores:
                chains[answer.survey_id, question].append((answer, score))
                item = item_id(answer.survey_id, answer.version, question)
                for dimension, value in slots:
                    for is_month, start in ((False, day), (True, month)):
                        key = (item, dimension, value, is_month, start, answer.kind, answer.weight)
                        self.scores[key][score] += sign
        for (_, question), chain in chains.items():
            if len(chain) > 1:
                self._add_chain(question, chain, segments, sign)

    def _add_chain(
        self, question: str, chain: list[tuple[Answer, int]], segments: Sequence[tuple[str, str]], sign: int
    ) -> None:
        chain.sort(key=lambda each: (each[0].at, each[0].response_id))
        for (answer, score), (next_at, modes) in _followed(chain):
            item = item_id(answer.survey_id, answer.version, question)
            day, month = self._days(answer)
            next_day, next_month = self._days(next_at)
            for dimension, value in _slots(answer.places, segments):
                for is_month, start, after in ((False, day, next_day), (True, month, next_month)):
                    key = (item, dimension, value, is_month, start, after, modes, answer.weight)
                    self.followed[key][score] += sign
                    self.scores[item, dimension, value, is_month, start, -modes, answer.weight][score] += sign

    def _days(self, fact: Answer | Ask) -> tuple[int, int]:
        at = fact.at if isinstance(fact, Answer) else fact.invited_at
        assert at is not None, "who was never invited is not counted"
        day = day_of(at, self.zone)
        return day, period_start("month", day)


def _followed(chain: Sequence[tuple[Answer, int]]) -> Iterator[tuple[tuple[Answer, int], tuple[Answer, int]]]:
    """Each (answer, score) with the answer that follows it, and in which modes (bits) it does."""
    following: list[Answer | None] = [None] * len(MODES)
    for answer, score in reversed(chain):
        found: dict[UUID, tuple[Answer, int]] = {}
        for mode in MODES:
            # An answer counts in the modes that have everything it is.
            if answer.kind & ~mode:
                continue
            after = following[mode]
            following[mode] = answer
            if after is not None:
                found[after.response_id] = (after, found.get(after.response_id, (after, 0))[1] | 1 << mode)
        for after, modes in found.values():
            yield (answer, score), (after, modes)


def _slots(places: Places, segments: Sequence[tuple[str, str]], *, with_locale: bool = True) -> list[tuple[str, str]]:
    found = [(ALL, ""), *zip(Places._fields, places, strict=True), *segments]
    return found if with_locale else [each for each in found if each[0] != "locale"]
