"""The arithmetic of satisfaction: days in months, formulas, silence, who is withheld, what is told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.calendar import period_after, period_start
from services.metrics.satisfaction.domain.definitions import SATISFACTION
from services.metrics.satisfaction.domain.measures import CES, CSAT, NPS, compare, if_silent, read
from services.metrics.satisfaction.domain.query import Days
from services.metrics.satisfaction.domain.scores import Counted, Item, Scores, fits, too_few
from services.metrics.satisfaction.domain.telling import NOT_SOONER, Told, is_news

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOBODY = UUID(int=0)


def scores(lowest: int, highest: int, counts: list[int], weight: int = 1000) -> Scores:
    found = Scores()
    padded = counts + [0] * (11 - len(counts))
    found.add(Item(NOBODY, 1, "q", lowest, highest, False), Counted(NOBODY, "", weight, padded))
    return found


@given(st.integers(-40_000, 40_000), st.integers(0, 900))
def test_whole_months_and_the_days_around_them_are_all_days_once(first: int, length: int):
    days = Days(first, first + length)
    found: list[int] = []
    for part in (days.head, days.tail):
        if part is not None:
            found += range(part[0], part[1] + 1)
    month = None if days.months is None else days.months[0]
    while month is not None and days.months is not None and month <= days.months[1]:
        assert period_start("month", month) == month
        found += range(month, period_after("month", month))
        month = period_after("month", month)
    assert sorted(found) == list(range(first, first + length + 1))
    # No whole month is left to be read day by day.
    assert all(part is None or part[1] - part[0] < 61 for part in (days.head, days.tail))


@given(st.lists(st.integers(0, 40), min_size=11, max_size=11).filter(any))
def test_an_nps_is_what_its_definition_says(counts: list[int]):
    found = read(NPS, scores(0, 10, counts))
    n = sum(counts)
    assert found.n == n
    assert found.value == pytest.approx(100 * (sum(counts[9:]) - sum(counts[:7])) / n)
    assert sum(found.buckets.values()) == n
    assert found.unweighted is None
    assert found.effective_n == pytest.approx(n)
    assert found.interval is not None
    assert -100 <= found.interval.low < found.interval.high <= 100


@given(st.lists(st.integers(0, 40), min_size=8, max_size=8).filter(lambda each: any(each[1:])), st.integers(1, 9_999))
def test_the_three_formulas_of_ces_and_csat(counts: list[int], weight: int):
    counts[0] = 0
    seen = scores(1, 7, counts, weight)
    n = sum(counts)
    mean = sum(score * number for score, number in enumerate(counts)) / n
    assert read(CES["mean"], seen).value == pytest.approx(mean)
    assert read(CES["pct_5_7"], seen).value == pytest.approx(100 * sum(counts[5:]) / n)
    assert read(CES["net"], seen).value == pytest.approx(100 * (sum(counts[6:]) - sum(counts[1:4])) / n)
    assert read(CSAT, seen).value == pytest.approx(100 * sum(counts[6:]) / n)
    # Equal weights change nothing, not even how many the answers are worth.
    assert read(CES["mean"], seen).effective_n == pytest.approx(n)
    interval = read(CES["mean"], seen).interval
    assert interval is not None
    assert 1 <= interval.low < interval.high <= 7


def test_every_measure_is_defined():
    known = {each.id: each.unit for each in SATISFACTION.values()}
    for measure in (NPS, CSAT, *CES.values()):
        assert known[measure.definition] == measure.unit


def test_comparisons_are_in_the_unit_of_the_figure():
    low, high = [0, 10, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 10]
    for measure, most in ((CES["mean"], 6), (CES["pct_5_7"], 100), (CES["net"], 200), (CSAT, 100)):
        found = compare(measure, scores(1, 7, high), scores(1, 7, low))
        assert found is not None
        assert found.difference == most
        assert 0 < found.interval.low < found.interval.high <= most
        assert found.p_value < 0.001
    assert compare(NPS, scores(0, 10, [1]), scores(0, 10, [])) is None


def test_the_silent_are_taken_for_the_worst_and_the_best():
    found = read(NPS, scores(0, 10, [0] * 10 + [55]))
    assert found.value == 100
    # The field's example: what few say says little of all.
    assert if_silent(NPS, found, 495) == (pytest.approx(-80), 100)
    assert if_silent(CES["mean"], read(CES["mean"], scores(1, 7, [0, 0, 0, 0, 1])), 1) == (2.5, 5.5)
    assert if_silent(NPS, read(NPS, scores(0, 10, [])), 5) is None


def test_only_questions_on_their_scales_make_a_figure():
    assert fits("nps", "nps", 0, 10)
    assert not fits("nps", "nps", 1, 10)
    assert fits("csat", "csat", 1, 5)
    assert fits("csat", "csat", 1, 7)
    assert not fits("csat", "csat", 1, 100)
    assert not fits("csat", "star", 1, 5)
    assert fits("ces", "ces", 1, 7)
    assert not fits("ces", "ces", 1, 5)
    assert not fits("nps", "nps", None, None)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12)))
def test_nothing_shown_says_what_fewer_than_five_answered(anonymous: dict[str, int]):
    hidden = too_few(anonymous, parts_of_a_whole=True)
    assert all(anonymous[group] >= 5 or anonymous[group] == 0 for group in anonymous.keys() - hidden)
    left = sum(anonymous[group] for group in hidden)
    # Of the whole less what is shown, too, unless there is nobody to hide among.
    others = [number for group, number in anonymous.items() if group not in hidden and number]
    assert left == 0 or left >= 5 or not others
    assert too_few(anonymous, parts_of_a_whole=False) == {
        group for group, number in anonymous.items() if 0 < number < 5
    }


@pytest.mark.parametrize(
    ("value", "n", "hours", "news"),
    [
        (4_000, 100, 2, False),
        (4_099, 100, 2, False),
        (4_100, 100, 2, True),
        (3_900, 100, 2, True),
        (4_000, 110, 2, False),
        (4_000, 111, 2, True),
        (0, 0, 2, True),
        (9_000, 900, 0.9, False),
    ],
)
def test_a_figure_is_told_when_it_has_moved_and_not_sooner(value: int, n: int, hours: float, news: bool):
    before, now = Told("nps.v1", 4_000, 0, 0, 100), Told("nps.v1", value, 0, 0, n)
    at = NOW + timedelta(hours=hours)
    assert is_news(now, before, NOW, unit="points", at=at) is news


def test_what_never_was_told_is_told_once_there_is_something():
    some, none = Told("nps.v1", 0, 0, 0, 1), Told("nps.v1", 0, 0, 0, 0)
    assert is_news(some, None, None, unit="points", at=NOW)
    assert not is_news(none, None, None, unit="points", at=NOW)
    other = some._replace(definition="ces_net.v1")
    assert is_news(other, some, NOW, unit="points", at=NOW + NOT_SOONER)
