"""The threshold of a CUSUM, held against published tables and a Markov chain of Brook and Evans (1972)."""

from math import inf, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from services.metrics.alarms.domain.threshold import OVERSHOOT, delay, false_alarms, mean_time, threshold_for

CERTAIN = 1e9
NORMAL = NormalDist()


def run_length(limit: float, reference: float, mean: float, states: int = 120) -> float:
    """Mean run length of the CUSUM of normal numbers, by a Markov chain on equal parts of zero to the limit."""
    width = 2 * limit / (2 * states - 1)

    def cdf(numbers: np.ndarray) -> np.ndarray:
        return ndtr(numbers - (mean - reference))

    here, there = np.arange(states)[:, None], np.arange(states)[None, :]
    moves = cdf((there - here + 0.5) * width) - cdf((there - here - 0.5) * width)
    moves[:, 0] = cdf((0.5 - here[:, 0]) * width)
    return float(np.linalg.solve(np.eye(states) - moves, np.ones(states))[0])


@pytest.mark.parametrize(
    ("limit", "days", "days_to_find"),
    # Of the one-sided chart with reference value 0.5: Hawkins and Olwell (1998), and `spc` of R.
    [(4.0, 335.4, 8.38), (5.0, 930.9, 10.4), (4.389, 500.0, None)],
)
def test_published_tables(limit: float, days: float, days_to_find: float | None):
    assert run_length(limit, 0.5, 0.0) == pytest.approx(days, rel=0.005)
    # Steps of one standard deviation: the walk and the chart have the same unit.
    assert threshold_for(days, CERTAIN, 1.0) == pytest.approx(limit, abs=0.02)
    if days_to_find is not None:
        assert run_length(limit, 0.5, 1.0) == pytest.approx(days_to_find, rel=0.005)
        assert delay(limit + OVERSHOOT) == pytest.approx(days_to_find, rel=0.01)


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("days", [60, 365, 3650])
def test_the_threshold_keeps_what_is_stated_for_small_and_large_changes(shift: float, days: int):
    """A day holds the square of the shift of information; the chart counts in standard deviations."""
    limit = threshold_for(days * shift**2, CERTAIN, shift) / shift

    assert run_length(limit, shift / 2, 0.0) == pytest.approx(days, rel=0.1)


def test_a_small_base_needs_a_higher_threshold_or_false_alarms_come_many_times_as_often():
    """The error of the base, drawn anew and anew, and a chart that knows of it beside one that does not."""
    shift, days, weeks = 0.4, 200, 12
    information = shift**2 * 7 * weeks
    naive, honest = (threshold_for(days * shift**2, known, shift) / shift for known in (CERTAIN, information))
    # By how much the mean of the base may be off, in standard deviations of a day.
    errors = [NORMAL.inv_cdf((number + 0.5) / 21) / sqrt(7 * weeks) for number in range(21)]

    def a_day(limit: float) -> float:
        return sum(1 / run_length(limit, shift / 2, error, states=40) for error in errors) / len(errors)

    assert 1 / a_day(naive) < 0.85 * days
    assert 1 / a_day(honest) == pytest.approx(days, rel=0.12)
    assert naive < honest


@given(st.floats(2, 1e4), st.floats(1.01, 10), st.floats(1, 1e4), st.floats(0, 2))
def test_fewer_false_alarms_need_more_and_a_better_base_needs_less(
    interval: float, times: float, base: float, step: float
):
    assert threshold_for(interval * times, base, step) >= threshold_for(interval, base, step)
    assert threshold_for(interval, base * times, step) <= threshold_for(interval, base, step) + 0.02
    assert threshold_for(interval, base, step) <= threshold_for(interval, base, 0)


@given(st.floats(0.01, 50), st.floats(-5, 5))
def test_times_are_times(height: float, drift: float):
    assert 0 < mean_time(height, drift) <= inf
    assert mean_time(height, drift) >= mean_time(height, drift + 0.1)
    assert 0 <= false_alarms(height, 10.0) < inf


def test_without_drift_it_is_the_square():
    assert mean_time(3.0, 0.0) == pytest.approx(9.0)
    assert mean_time(3.0, 1e-5) == pytest.approx(mean_time(3.0, 2e-5), rel=1e-4)
