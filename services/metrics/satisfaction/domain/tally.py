"""What people's answers and invitations come to, as sums: a person's part is taken out, changed, and put in again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from typing import NamedTuple, TypeVar
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
# A survey and a question.
ChainKey = tuple[UUID, str]
_Named = tuple[tuple[str, str], ...]
F = TypeVar("F", Answer, Ask)


class Person(NamedTuple):
    """All that is known of a person, under all their keys."""

    answers: Sequence[Answer]
    asks: Sequence[Ask]
    segments: Collection[UUID]


NOBODY = Person((), (), ())


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
        segments = _named(person.segments)
        self._add_scores(person.answers, segments, sign)
        self._add_chains(_chains(person.answers), segments, sign)
        self._add_asks(person.asks, segments, sign)

    def replace(self, old: Person, new: Person) -> None:
        """Count a person as they are now, and no more as they were: what is the same in both costs nothing."""
        if set(old.segments) != set(new.segments):
            self.add(old, -1)
            self.add(new)
            return
        segments = _named(new.segments)
        gone, come = _apart(
            {each.response_id: each for each in old.answers}, {each.response_id: each for each in new.answers}
        )
        self._add_scores(gone, segments, -1)
        self._add_scores(come, segments, 1)
        touched = {(each.survey_id, question) for each in (*gone, *come) for question, _ in each.scores}
        self._add_chains(_chains(old.answers, touched), segments, -1)
        self._add_chains(_chains(new.answers, touched), segments, 1)
        lost, asked = _apart(
            {each.invitation_id: each for each in old.asks}, {each.invitation_id: each for each in new.asks}
        )
        self._add_asks(lost, segments, -1)
        self._add_asks(asked, segments, 1)

    def _add_asks(self, asks: Iterable[Ask], segments: _Named, sign: int) -> None:
        for ask in asks:
            if ask.invited_at is None:
                continue
            day, month = self._days(ask)
            for dimension, value in _slots(ask.places, segments, with_locale=False):
                for is_month, start in ((False, day), (True, month)):
                    sums = self.asks[ask.survey_id, dimension, value, is_month, start]
                    for index, number in enumerate(ask.counts):
                        sums[index] += sign * number

    def _add_scores(self, answers: Iterable[Answer], segments: _Named, sign: int) -> None:
        scores = self.scores
        for answer in answers:
            slots, kind, weight = _slots(answer.places, segments), answer.kind, answer.weight
            day, month = self._days(answer)
            for question, score in answer.scores:
                item = item_id(answer.survey_id, answer.version, question)
                for dimension, value in slots:
                    scores[item, dimension, value, False, day, kind, weight][score] += sign
                    scores[item, dimension, value, True, month, kind, weight][score] += sign

    def _add_chains(self, chains: Mapping[ChainKey, list[tuple[Answer, int]]], segments: _Named, sign: int) -> None:
        for (_, question), chain in chains.items():
            if len(chain) > 1:
                self._add_chain(question, chain, segments, sign)

    def _add_chain(self, question: str, chain: list[tuple[Answer, int]], segments: _Named, sign: int) -> None:
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


def _chains(
    answers: Iterable[Answer], wanted: Collection[ChainKey] | None = None
) -> Mapping[ChainKey, list[tuple[Answer, int]]]:
    """A person's answers to each question, with their scores; to all, or to those that are wanted."""
    chains: defaultdict[ChainKey, list[tuple[Answer, int]]] = defaultdict(list)
    for answer in answers:
        for question, score in answer.scores:
            if wanted is None or (answer.survey_id, question) in wanted:
                chains[answer.survey_id, question].append((answer, score))
    return chains


def _apart(old: Mapping[UUID, F], new: Mapping[UUID, F]) -> tuple[list[F], list[F]]:
    """What is in one alone, and what is in the other alone; what has changed is in both."""
    gone = [each for key, each in old.items() if new.get(key) != each]
    come = [each for key, each in new.items() if old.get(key) != each]
    return gone, come


def _named(segments: Collection[UUID]) -> _Named:
    return tuple((SEGMENT, str(each)) for each in segments)


# Much is said of the same places.
@lru_cache(maxsize=16_384)
def _slots(places: Places, segments: _Named, *, with_locale: bool = True) -> Sequence[tuple[str, str]]:
    found = [(ALL, ""), *zip(Places._fields, places, strict=True), *segments]
    return found if with_locale else [each for each in found if each[0] != "locale"]
