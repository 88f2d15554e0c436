"""What people's answers and invitations come to, as sums: a person's part is taken out, changed, and put in again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.metrics.domain.calendar import day_of, period_start
from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE, Answer, Ask, Places
from shared.ids import derived_id

ALL = "all"
# Under which all are summed: of every answer and invitation one channel is known, be it none.
EVERYWHERE = "channel"
SEGMENT = "segment"
# A mode says which answers count besides complete and confirmed ones: 1 also inferred, 2 also partial, 3 both.
MODES = range(4)
_IN_EACH = (1 << len(MODES)) - 1

Numbers = NDArray[np.int64]
Column = Numbers | NDArray[np.bool_]
# survey, dimension, value, is_month, day
AskKey = tuple[UUID, str, str, bool, int]
# A survey and a question.
ChainKey = tuple[UUID, str]
# An answer with its score, and the answer that follows it in these modes (bits).
_Pair = tuple[tuple[Answer, int], tuple[Answer, int]]
# Slots, day, first day of the month, kind of answer, weight, score, and 1 or -1. Of answers that a later one follows,
# whenever that was, the modes in which it does (bits), with a minus, stand for the kind.
_Score = tuple[tuple[int, ...], int, int, int, int, int, int]
# Slots, day, next day, the first days of their months, modes (bits), weight, score, and 1 or -1.
_Follow = tuple[tuple[int, ...], int, int, int, int, int, int, int, int]
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


def summed_under(dimension: str) -> str:
    """The dimension whose sums a breakdown is read from."""
    return EVERYWHERE if dimension == ALL else dimension


class Slots(NamedTuple):
    """Where the scores of a question are summed: the number of each slot, and its item, dimension and value."""

    numbers: tuple[int, ...]
    names: tuple[tuple[UUID, str, str], ...]


class Summed(NamedTuple):
    """Rows to add, in ascending order of their keys: a column of each key, and counts by row and score."""

    keys: tuple[Column, ...]
    counts: Numbers

    @property
    def columns(self) -> list[Column]:
        """Keys, and then counts of the lowest score to the highest."""
        return [*self.keys, *map(np.ascontiguousarray, self.counts.T)]


@dataclass(slots=True)
class Tally:
    """Differences to apply to the sums."""

    zone: tzinfo
    slots: dict[tuple[int, ...], Slots] = field(default_factory=dict)
    asks: defaultdict[AskKey, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))
    _scores: list[_Score] = field(default_factory=list)
    _follows: list[_Follow] = field(default_factory=list)

    def scores(self) -> Summed | None:
        """By slot, is_month, day, kind of answer (or modes, with a minus) and weight; None: there are none."""
        if not self._scores:
            return None
        slots, day, month, kind, weight, score, sign = _by_slot(self._scores)
        return _summed(slots, np.array([day, kind, weight]), np.array([month, kind, weight]), score, sign)

    def followed(self) -> Summed | None:
        """By slot, is_month, day, next day, modes (bits) and weight; None: there are none."""
        if not self._follows:
            return None
        slots, day, after, month, month_after, modes, weight, score, sign = _by_slot(self._follows)
        days, months = np.array([day, after, modes, weight]), np.array([month, month_after, modes, weight])
        return _summed(slots, days, months, score, sign)

    def add(self, person: Person, sign: int = 1) -> None:
        """Count a person, or with -1 no more."""
        segments = _named(person.segments)
        self._add_scores(person.answers, segments, sign)
        for (_, question), found in _chains(person.answers).items():
            self._add_pairs(question, _pairs(found), segments, sign)
        self._add_asks(person.asks, segments, sign)

    def replace(self, old: Person, new: Person) -> None:
        """Count a person as they are now, and no more as they were: what is the same in both costs nothing."""
        if set(old.segments) != set(new.segments):
            self.add(old, -1)
            self.add(new)
            return
        segments = _named(new.segments)
        gone, come = _apart(old.answers, new.answers)
        if gone or come:
            self._add_scores(gone, segments, -1)
            self._add_scores(come, segments, 1)
            self._replace_chains(
                old.answers,
                new.answers,
                segments,
                {(each.survey_id, question) for each in (*gone, *come) for question, _ in each.scores},
            )
        lost, asked = _apart(old.asks, new.asks)
        self._add_asks(lost, segments, -1)
        self._add_asks(asked, segments, 1)

    def _replace_chains(
        self, old: Sequence[Answer], new: Sequence[Answer], segments: _Named, touched: Collection[ChainKey]
    ) -> None:
        before, after = _chains(old, touched), _chains(new, touched)
        for key in touched:
            lost, found = _pairs(before.get(key, [])), _pairs(after.get(key, []))
            # The newest come first, and are mostly what has changed.
            while lost and found and lost[-1] == found[-1]:
                lost.pop()
                found.pop()
            self._add_pairs(key[1], lost, segments, -1)
            self._add_pairs(key[1], found, segments, 1)

    def _add_asks(self, asks: Iterable[Ask], segments: _Named, sign: int) -> None:
        for ask in asks:
            if ask.invited_at is None:
                continue
            day, month = self._days(ask)
            for dimension, value in _places_of(ask.places, segments):
                for is_month, start in ((False, day), (True, month)):
                    sums = self.asks[ask.survey_id, dimension, value, is_month, start]
                    for index, number in enumerate(ask.counts):
                        sums[index] += sign * number

    def _add_scores(self, answers: Iterable[Answer], segments: _Named, sign: int) -> None:
        for answer in answers:
            day, month = self._days(answer)
            for question, score in answer.scores:
                slots = self._slots_of(answer, question, segments)
                self._scores.append((slots, day, month, answer.kind, answer.weight, score, sign))

    def _add_pairs(self, question: str, pairs: Iterable[_Pair], segments: _Named, sign: int) -> None:
        for (answer, score), (following, modes) in pairs:
            slots, weight = self._slots_of(answer, question, segments), answer.weight
            day, month = self._days(answer)
            after, month_after = self._days(following)
            self._follows.append((slots, day, after, month, month_after, modes, weight, score, sign))
            self._scores.append((slots, day, month, -modes, weight, score, sign))

    def _slots_of(self, answer: Answer, question: str, segments: _Named) -> tuple[int, ...]:
        found = _slots_of(answer.survey_id, answer.version, question, answer.places, segments)
        self.slots[found.numbers] = found
        return found.numbers

    def _days(self, fact: Answer | Ask) -> tuple[int, int]:
        at = fact.at if isinstance(fact, Answer) else fact.invited_at
        assert at is not None, "who was never invited is not counted"
        day = day_of(at, self.zone)
        return day, period_start("month", day)


def _pairs(found: list[tuple[Answer, int]]) -> list[_Pair]:
    """Of the answers to one question, those that another follows, from the newest."""
    if len(found) < 2:
        return []
    return list(_followed(sorted(found, key=lambda each: (each[0].at, each[0].response_id))))


def _followed(chain: Sequence[tuple[Answer, int]]) -> Iterator[_Pair]:
    """Each (answer, score) with the answer that follows it, and in which modes (bits) it does."""
    if not any(answer.kind for answer, _ in chain):
        for index in range(len(chain) - 1, 0, -1):
            yield chain[index - 1], (chain[index][0], _IN_EACH)
        return
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


def _apart(old: Sequence[F], new: Sequence[F]) -> tuple[list[F], list[F]]:
    """What is in one alone, and what is in the other alone; what has changed is in both."""
    if not old or not new:
        return list(old), list(new)
    # What nobody has touched is the same object: to compare those that are equal would cost more than it saves.
    were, are = set(map(id, old)), set(map(id, new))
    return [each for each in old if id(each) not in are], [each for each in new if id(each) not in were]


def _named(segments: Collection[UUID]) -> _Named:
    return tuple((SEGMENT, str(each)) for each in segments)


# Much is said of the same places.
@lru_cache(maxsize=16_384)
def _places_of(places: Places, segments: _Named) -> Sequence[tuple[str, str]]:
    """Where an invitation counts: nobody knows yet in which language it is answered."""
    return [*((name, value) for name, value in places._asdict().items() if name != "locale"), *segments]


@lru_cache(maxsize=65_536)
def _slots_of(survey_id: UUID, version: int, question: str, places: Places, segments: _Named) -> Slots:
    item = item_id(survey_id, version, question)
    names = tuple((item, *each) for each in (*zip(Places._fields, places, strict=True), *segments))
    return Slots(tuple(slot_id(*each) for each in names), names)


@lru_cache(maxsize=65_536)
def slot_id(item: UUID, dimension: str, value: str) -> int:
    """The number under which scores of an item are summed for a value of a dimension: 62 bits that follow from them."""
    return derived_id("slot", str(item), dimension, value).int & 0x3FFF_FFFF_FFFF_FFFF


def _by_slot(entries: Sequence[tuple[Any, ...]]) -> list[Numbers]:
    """Entries, once for each of their slots, as columns; slots are the first."""
    slots, *others = zip(*entries, strict=True)
    sizes = np.fromiter(map(len, slots), np.int64, len(slots))
    numbers = np.fromiter(chain.from_iterable(slots), np.int64, int(sizes.sum()))
    return [numbers, *np.repeat(np.array(others, np.int64), sizes, axis=1)]


def _summed(slots: Numbers, by_day: Numbers, by_month: Numbers, score: Numbers, sign: Numbers) -> Summed:
    """Entries of equal keys as one row, by day and by month; none of those that come to nothing."""
    is_month = np.repeat(np.array([False, True]), len(slots))
    keys = (np.tile(slots, 2), is_month, *np.concatenate([by_day, by_month], axis=1))
    _, first, row = np.unique(_in_order(keys), return_index=True, return_inverse=True)
    width = HIGHEST_SCORE + 1
    # Sums of ones, which doubles hold exactly.
    sums = np.bincount(row * width + np.tile(score, 2), np.tile(sign, 2), len(first) * width)
    counts = sums.reshape(-1, width).astype(np.int64)
    some = counts.any(axis=1)
    return Summed(tuple(key[first[some]] for key in keys), counts[some])


def _in_order(keys: Sequence[Column]) -> Numbers:
    """A number for each row: equal for equal keys, and in their order."""
    found, size = np.zeros(len(keys[0]), np.int64), 1
    for key in keys:
        lowest = int(key.min())
        ranks, many = key.astype(np.int64) - lowest, int(key.max()) - lowest + 1
        if many > _NEAR:
            ranks, many = _ranks(ranks), len(ranks)
        if size * many > _MOST:
            found, size = _ranks(found), len(found)
        found, size = found * many + ranks, size * many
    return found


def _ranks(numbers: Numbers) -> Numbers:
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


# Of numbers within so many their places among each other need not be found.
_NEAR = 4096
_MOST = 2**62
