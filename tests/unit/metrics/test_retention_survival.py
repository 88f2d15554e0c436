"""Kaplan-Meier and Greenwood at published digits, and against what brute force counts."""

import random
from collections.abc import Sequence
from math import exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.retention.domain.survival import Curve, Waits

# Weeks in remission under 6-MP (Freireich et al. 1963; Gehan 1965): ended, and still in remission.
ENDED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
GOING = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def curve_of(ended: Sequence[int], going: Sequence[int]) -> Curve:
    return Curve.of(Waits.of([(each, 1) for each in ended], [(each, 1) for each in going]))


@pytest.mark.parametrize(
    ("week", "lasting", "error"),
    [
        (6, 0.857, 0.0764),
        (7, 0.807, 0.0869),
        (10, 0.753, 0.0963),
        (13, 0.690, 0.1068),
        (16, 0.627, 0.1141),
        (22, 0.538, 0.1282),
        (23, 0.448, 0.1346),
    ],
)
def test_remission_under_6mp_as_published(week: int, lasting: float, error: float):
    """INVARIANT: the estimate and Greenwood's standard error of the textbooks' example."""
    curve = curve_of(ENDED, GOING)

    assert round(float(curve.lasting[week]), 3) == lasting
    assert round(float(curve.lasting[week]) * sqrt(curve.spread[week]), 4) == error


def test_interval_of_log_minus_log_as_published():
    """R's survfit(conf.type = "log-log") at week 6 and at the median, which is reached at 23."""
    curve = curve_of(ENDED, GOING)
    share = curve.ended_by(6)

    assert share is not None
    assert (round(1 - share.interval.high, 3), round(1 - share.interval.low, 3)) == (0.620, 0.952)
    assert (share.ended, share.waiting) == (3, 21)
    median = curve.length(0.5)
    assert median is not None
    assert (median.days, median.low, median.high) == (23, 13, None)
    assert curve.length(0.9) is None


def test_without_anybody_who_is_still_waiting_it_is_the_plain_share():
    curve = curve_of([1, 2, 2, 5], [])

    assert [round(float(each), 9) for each in curve.lasting] == [1, 0.75, 0.25, 0.25, 0.25, 0]
    whole = curve.ended_by(5)
    assert whole is not None
    assert whole.value == 1
    assert 0 < whole.interval.low < 1 == whole.interval.high


def test_none_ended_is_no_certainty():
    curve = curve_of([], [10] * 40)
    share = curve.ended_by(10)

    assert share is not None
    assert (share.value, share.interval.low) == (0, 0)
    assert share.interval.high == pytest.approx(0.0876, abs=1e-4)
    assert curve.length(0.5) is None


def test_beyond_who_was_watched_nothing_is_said():
    curve = curve_of([3], [5])

    assert curve.ended_by(6) is None
    assert curve.ended_by(4, after=5) is None
    assert (curve.watched(2), curve.watched(1), curve.watched(3)) == (3, 5, -1)
    empty = curve_of([], [])
    assert (empty.number, empty.ended_by(0), empty.watched(1), empty.length(0.5)) == (0, None, -1, None)


lengths = st.lists(st.integers(0, 40), max_size=60)


@given(lengths, lengths, st.integers(0, 39), st.integers(0, 39))
def test_the_curve_is_that_of_brute_force(ended: list[int], going: list[int], one: int, other: int):
    """INVARIANT: each factor is of those who waited as long, whichever of them ended; intervals hold the estimate."""
    curve = curve_of(ended, going)
    after, by = sorted((one, other))
    lasting, spread = 1.0, 0.0
    for day in range(after + 1, by + 1):
        waiting = sum(1 for each in (*ended, *going) if each >= day)
        over = ended.count(day)
        if waiting:
            lasting *= 1 - over / waiting
        if waiting > over:
            spread += over / (waiting * (waiting - over))
    share = curve.ended_by(by, after=after)
    if share is None:
        assert by > max((*ended, *going), default=-1) or not any(each > after for each in (*ended, *going))
        return
    assert share.value == pytest.approx(1 - lasting, abs=1e-9)
    assert share.ended == sum(1 for each in ended if after < each <= by)
    assert share.interval.low - 1e-9 <= share.value <= share.interval.high + 1e-9
    if 1e-9 < lasting < 1 - 1e-9:
        half = 1.959964 * sqrt(spread) / abs(log(lasting))
        assert share.interval.low == pytest.approx(1 - lasting ** exp(-min(half, 700)), abs=1e-6)


def test_greenwood_covers_the_truth():
    """INVARIANT: of many samples with censoring, 95 % of intervals hold the true share."""
    dice = random.Random(4)
    held, truth = 0, 1 - 0.97**20
    for _ in range(400):
        ended, going = [], []
        for _ in range(120):
            life = 1
            while dice.random() > 0.03:
                life += 1
            watched = dice.randrange(5, 60)
            (ended if life <= watched else going).append(min(life, watched))
        share = curve_of(ended, going).ended_by(20)
        assert share is not None
        held += share.interval.low <= truth <= share.interval.high
    assert 0.92 <= held / 400 <= 0.98
