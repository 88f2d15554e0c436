"""The threshold where few unlike ones make a day: held against published tables, and against days that are drawn."""

from math import log1p, sqrt

import numpy as np
import pytest

from services.metrics.alarms.domain.jumps import Jumps, Steps, threshold_of

CERTAIN = 10**12


@pytest.mark.parametrize(("limit", "days"), [(4.0, 335.4), (5.0, 930.9), (4.389, 500.0)])
def test_of_very_many_it_is_that_of_the_published_tables(limit: float, days: float):
    """One-sided chart of normal numbers with reference value 0.5: Hawkins and Olwell (1998)."""
    steps = Steps(Jumps(1e6, 1.0, 0.0), 1e-3, 1_000.5)

    assert (steps.mean, steps.spread) == (pytest.approx(-0.5), pytest.approx(1.0))
    assert threshold_of(steps, CERTAIN, days, 3.0) == pytest.approx(limit, abs=0.06)


@pytest.mark.parametrize(
    ("a_day", "unlike", "slope", "drift"),
    [(10, 0.9, 0.3, 1.0), (1, 3.2, 0.4, 0.3), (40, 3.2, 0.1, 0.2), (10, 0.9, -0.3, 0.5), (0.2, 0.0, 0.7, 0.1)],
    ids=["ten", "one with whales", "forty", "fewer", "one in five days"],
)
@pytest.mark.parametrize("arl0", [60, 365])
def test_with_a_base_without_error_it_is_what_drawn_days_show(
    a_day: float, unlike: float, slope: float, drift: float, arl0: int
):
    steps = Steps(Jumps(a_day, 1.0, unlike), slope, slope * a_day + drift)
    rng = np.random.default_rng(7)
    spread = sqrt(log1p(unlike))
    takers = rng.poisson(a_day, 300 * arl0)
    brought = np.exp(rng.normal(-(spread**2) / 2, spread, takers.sum()))
    sums = np.diff(np.concatenate([[0.0], np.cumsum(brought)])[np.concatenate([[0], np.cumsum(takers)])])
    limit = threshold_of(steps, CERTAIN, arl0, 2.0)

    statistic, alarms = 0.0, 0
    for score in (slope * sums - steps.against).tolist():
        statistic = max(0.0, statistic + score)
        if statistic >= limit:
            statistic, alarms = 0.0, alarms + 1

    assert len(sums) / alarms / arl0 == pytest.approx(1, abs=0.2)


def test_a_short_base_needs_a_higher_threshold():
    steps = Steps(Jumps(10.0, 1.0, 0.9), 0.3, 3.3)

    limits = [threshold_of(steps, days, 365, 3.0) for days in (56, 182, 728, CERTAIN)]

    assert limits == sorted(limits, reverse=True)
    assert limits[0] > 1.15 * limits[-1]


def test_days_that_vary_less_than_chance_are_made_of_more():
    alike, unlike = Jumps.of(10.0, 20.0, 30.0), Jumps.of(10.0, 20.0, 80.0)

    assert alike == (pytest.approx(400 / 30), pytest.approx(1.5), 0.0)
    assert unlike == (10.0, 2.0, 1.0)
    assert [each.a_day * each.size for each in (alike, unlike)] == pytest.approx([20, 20])
    assert [each.variance for each in (alike, unlike)] == pytest.approx([30, 80])
