"""What is said anew of alarms when days changed after the fact; and how days are made of answers."""

from uuid import UUID

import pytest

from services.metrics.alarms.domain.gathering import answers
from services.metrics.alarms.domain.path import Step
from services.metrics.alarms.domain.revising import Known, changes
from services.metrics.alarms.domain.watch import Dates, State
from services.metrics.satisfaction.domain.measures import NPS
from services.metrics.satisfaction.domain.scores import Counted, Item, Scores

ONE, OTHER = UUID(int=1), UUID(int=2)


def dates(change: int, raised: int, cleared: int | None = None) -> Dates:
    return Dates(change, change - 2, change + 2, raised, cleared, None if cleared is None else "returned")


def known(key: UUID, state: State, *days: int) -> Known:
    return Known(key, state, dates(*days))


def path(*ratios: float, first: int = 100) -> list[Step]:
    return [Step(first + number, ratio * 4, 4.0, is_raised=ratio >= 1) for number, ratio in enumerate(ratios)]


@pytest.mark.parametrize(
    ("before", "now", "steps", "expected"),
    [
        ([], [dates(100, 105)], (), ["raised"]),
        ([], [dates(100, 105, 120)], (), ["found"]),
        ([known(ONE, "raised", 100, 105)], [dates(100, 105)], (), []),
        ([known(ONE, "raised", 100, 105)], [dates(98, 105)], (), ["moved"]),
        ([known(ONE, "raised", 100, 105)], [dates(100, 105, 120)], (), ["cleared"]),
        # What is over is opened again where the CUSUM came near the threshold once more, and not for a little of it.
        ([known(ONE, "cleared", 97, 98, 101)], [dates(97, 98)], (1.0, 0.1, 0.8), ["reopened"]),
        ([known(ONE, "cleared", 97, 98, 101)], [dates(97, 98)], (1.0, 0.1, 0.7), []),
        ([known(ONE, "cleared", 97, 98, 101)], [dates(97, 98, 102)], (1.0, 0.1, 0.0), ["moved"]),
        ([known(ONE, "cleared", 100, 105, 120)], [], (), ["withdrawn"]),
        ([known(ONE, "withdrawn", 100, 105, 120)], [dates(100, 105)], (), ["raised"]),
        # Where it came near the threshold it stands, until the CUSUM is back at zero.
        ([known(ONE, "raised", 100, 105)], [], (0.2, 0.8, 0.5), []),
        ([known(ONE, "raised", 100, 105)], [], (0.2, 0.8, 0.0), ["withdrawn"]),
        ([known(ONE, "raised", 100, 105)], [], (0.2, 0.7, 0.6), ["withdrawn"]),
        ([known(ONE, "raised", 102, 105)], [], (0.2, 0.9, 0.5), ["withdrawn"]),
        # One of two is no more; the other is the same as ever.
        (
            [known(ONE, "cleared", 100, 105, 120), known(OTHER, "raised", 140, 150)],
            [dates(140, 150)],
            (),
            ["withdrawn"],
        ),
        # Two that turn out to be one.
        (
            [known(ONE, "cleared", 100, 105, 120), known(OTHER, "raised", 140, 150)],
            [dates(100, 105)],
            (*[0.3] * 40, 0.8, 1.0),
            ["moved", "withdrawn"],
        ),
    ],
)
def test_what_is_said_anew(before: list[Known], now: list[Dates], steps: tuple[float, ...], expected: list[str]):
    assert [each.what for each in changes(before, now, path(*steps))] == expected


def test_what_single_people_say_anonymously_waits_until_there_are_five():
    item = Item(ONE, 1, "nps", 0, 10, is_anonymous=True)
    days = {}
    for day, number in ((7, 3), (8, 4), (9, 1), (10, 6)):
        days[day] = Scores()
        days[day].add(item, Counted(item.id, "", 1000, [0] * 10 + [number]))

    series = answers(NPS, 4, 11, days)

    assert series.numbers().tolist() == [0, 0, 0, 0, 7, 0, 7, 0]


def test_weights_count_as_many_answers_as_they_are_worth():
    item = Item(ONE, 1, "nps", 0, 10, is_anonymous=False)
    scores = Scores()
    scores.add(item, Counted(item.id, "", 4000, [0] * 10 + [2]))
    scores.add(item, Counted(item.id, "", 1000, [8] + [0] * 10))

    series = answers(NPS, 4, 4, {4: scores})

    # (2 × 4 + 8)² / (2 × 16 + 8) = 6.4 answers, half of them good.
    assert series.counts[0, 0].tolist() == pytest.approx([3.2, 0.0, 3.2])
