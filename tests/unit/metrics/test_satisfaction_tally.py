"""What persons come to as rows of sums: the same as counting every answer and every follower on its own."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.satisfaction.domain import tally as counting
from services.metrics.satisfaction.domain.facts import Answer, Places
from services.metrics.satisfaction.domain.tally import NOBODY, Person, Summed, Tally, item_id, slot_id
from shared.ids import derived_id

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SURVEYS = [derived_id("survey", str(number)) for number in range(2)]
SEGMENTS = [derived_id("segment", str(number)) for number in range(3)]
SOMEBODY = derived_id("person", "linh")


# Days far apart and weights of any size: their numbers together do not go into 64 bits.
moments = st.one_of(
    st.integers(0, 90).map(lambda days: datetime(2026, 1, 15, tzinfo=UTC) + timedelta(days=days)),
    st.sampled_from([datetime(1, 2, 1, tzinfo=UTC), datetime(1969, 12, 31, 20, tzinfo=UTC)]),
    st.sampled_from([datetime(2026, 2, 28, 16, 59, tzinfo=UTC), datetime(9999, 11, 30, tzinfo=UTC)]),
)


@st.composite
def answers(draw: st.DrawFn, number: int) -> Answer:
    return Answer(
        derived_id("response", str(number)),
        1,
        SOMEBODY,
        draw(moments),
        draw(st.sampled_from(SURVEYS)),
        draw(st.integers(1, 2)),
        draw(st.sampled_from(["complete", "complete", "partial"])),
        draw(st.booleans()),
        Places(draw(st.sampled_from(["email", "Zalo", ""])), "vi", draw(st.sampled_from(["giỏ hàng", ""])), "", "lan"),
        draw(st.sampled_from([1000, 1000, 1, 1_000_000_000])),
        tuple((name, draw(st.integers(0, 10))) for name in draw(st.sampled_from([("nps",), ("ces", "nps"), ()]))),
    )


@st.composite
def persons(draw: st.DrawFn) -> tuple[Person, Person]:
    """Somebody before and after: answers that were edited, came and went, and segments."""
    pool = [[draw(answers(number)), draw(answers(number))] for number in range(draw(st.integers(0, 6)))]
    found = []
    for _ in range(2):
        kept = [each[draw(st.integers(0, 1))] for each in pool if draw(st.integers(0, 3))]
        found.append(Person(kept, (), frozenset(draw(st.sets(st.sampled_from(SEGMENTS))))))
    return found[0], found[1]


def local(at: datetime) -> int:
    try:
        return at.astimezone(ZONE).toordinal() - 719_163
    except OverflowError:
        return at.toordinal() - 719_163


def month_of(day: int) -> int:
    date = datetime.fromordinal(day + 719_163)
    return date.replace(day=1).toordinal() - 719_163


def keys_of(person: Person) -> tuple[Counter[tuple[int, ...]], Counter[tuple[int, ...]]]:
    """The naive way: each answer for each slot, and each pair of answers between which none came, mode by mode."""
    scores: Counter[tuple[int, ...]] = Counter()
    followed: Counter[tuple[int, ...]] = Counter()
    said = [(answer, question, score) for answer in person.answers for question, score in answer.scores]
    for answer, question, score in said:
        for slot in slots(person, answer, question):
            day = local(answer.at)
            scores[slot, False, day, answer.kind, answer.weight, score] += 1
            scores[slot, True, month_of(day), answer.kind, answer.weight, score] += 1
    modes: Counter[tuple[int, int]] = Counter()
    for mode in range(4):
        for one, other in combinations(range(len(said)), 2):
            first, second = sorted((one, other), key=lambda each: (said[each][0].at, said[each][0].response_id))
            if is_next(said, first, second, mode):
                modes[first, second] |= 1 << mode
    for (first, second), bits in modes.items():
        answer, question, score = said[first]
        day, after = local(answer.at), local(said[second][0].at)
        for slot in slots(person, answer, question):
            for is_month, start, end in ((False, day, after), (True, month_of(day), month_of(after))):
                followed[slot, is_month, start, end, bits, answer.weight, score] += 1
                scores[slot, is_month, start, -bits, answer.weight, score] += 1
    return scores, followed


def is_next(said: list[tuple[Answer, str, int]], first: int, second: int, mode: int) -> bool:
    """Whether one answer comes next after another to the same question, among those that a mode counts."""

    def place(each: int) -> tuple[datetime, object]:
        return said[each][0].at, said[each][0].response_id

    chain = [
        each
        for each, (answer, question, _) in enumerate(said)
        if (answer.survey_id, question) == (said[first][0].survey_id, said[first][1]) and not answer.kind & ~mode
    ]
    return (
        first in chain
        and second in chain
        and not any(place(first) < place(each) < place(second) for each in chain if each not in (first, second))
    )


def slots(person: Person, answer: Answer, question: str) -> list[int]:
    item = item_id(answer.survey_id, answer.version, question)
    places = [*answer.places._asdict().items(), *(("segment", str(each)) for each in person.segments)]
    return [slot_id(item, *place) for place in places]


def flat(found: Summed | None) -> Counter[tuple[int, ...]]:
    """Rows as counts of (key, score); that they ascend and none is empty is looked at here."""
    if found is None:
        return Counter()
    rows = list(zip(*(column.tolist() for column in found.keys), strict=True))
    assert rows == sorted(set(rows))
    assert found.counts.any(axis=1).all()
    return Counter(
        {
            (*key, score): number
            for key, counts in zip(rows, found.counts.tolist(), strict=True)
            for score, number in enumerate(counts)
            if number
        }
    )


def difference(old: Counter[tuple[int, ...]], new: Counter[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
    changes = Counter(new)
    changes.subtract(old)
    return {key: number for key, number in changes.items() if number}


@pytest.mark.parametrize("near", [4096, 2**40])
@given(pair=persons())
def test_what_is_replaced_is_the_difference_of_what_counting_gives(near: int, pair: tuple[Person, Person]):
    before, after = map(keys_of, pair)
    tally = Tally(ZONE)

    # Where the numbers of unlike rows outgrow 64 bits, as they else do in a batch of a hundred thousand of them.
    with mock.patch.object(counting, "_NEAR", near):
        tally.replace(*pair)

        scores, followed = flat(tally.scores()), flat(tally.followed())

    assert dict(scores) == difference(before[0], after[0])
    assert dict(followed) == difference(before[1], after[1])


@given(persons(), persons())
def test_persons_of_one_batch_are_counted_together(one: tuple[Person, Person], other: tuple[Person, Person]):
    tally = Tally(ZONE)

    tally.replace(NOBODY, one[0])
    tally.replace(NOBODY, other[0])

    scores = [keys_of(each)[0] for each in (one[0], other[0])]
    assert flat(tally.scores()) == scores[0] + scores[1]


@given(persons())
def test_every_slot_that_is_counted_has_its_name(pair: tuple[Person, Person]):
    tally = Tally(ZONE)

    tally.replace(*pair)

    names = {number: name for found in tally.slots.values() for number, name in zip(*found, strict=True)}
    assert {key[0] for key in (*flat(tally.scores()), *flat(tally.followed()))} <= names.keys()
    assert all(slot_id(*name) == number for number, name in names.items())
