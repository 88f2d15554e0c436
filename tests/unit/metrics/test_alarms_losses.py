"""Churn of subscriptions as an alarm sees it: shares of mornings, and how often it is raised where nothing changes."""

import numpy as np
import pytest
from alarm_simulation import MONDAY

from services.metrics.alarms.domain.gathering import losses
from services.metrics.alarms.domain.mornings import Morning
from services.metrics.alarms.domain.path import Rule, walk

DAYS = 9_000


def a_firm(rng: np.random.Generator, subscribers: int, leave: float, days: int, *, spread: float) -> dict[int, Morning]:
    """Days without a change: each subscriber leaves at random; prices vary by so much (of their logarithms)."""
    prices = np.round(np.exp(rng.normal(11, spread, subscribers)))
    whole = float(prices.sum())
    gone = rng.binomial(subscribers, leave, days)
    return {
        MONDAY + day: Morning(subscribers, whole, float(prices[rng.integers(0, subscribers, number)].sum()))
        for day, number in enumerate(gone)
    }


# By the mean, over what is stated: 1 is just right, more is fewer false alarms.
@pytest.mark.parametrize(
    ("leave", "change", "spread", "least"),
    [
        pytest.param(0.002, 0.1, 0.8, 0.75, id="prices vary"),
        pytest.param(0.01, 0.5, 1.2, 0.65, id="prices vary widely", marks=pytest.mark.long),
    ],
)
def test_false_alarms_come_as_seldom_as_is_stated(leave: float, change: float, spread: float, least: float):
    mornings = a_firm(np.random.default_rng(5), 5_000, leave, DAYS, spread=spread)

    assert least < between_alarms(mornings, Rule("up", change, 100, 26), is_compound=True) < 1.3


def between_alarms(mornings: dict[int, Morning], rule: Rule, *, is_compound: bool) -> float:
    path = walk(losses(MONDAY, MONDAY + DAYS - 1, mornings, is_compound=is_compound), rule, MONDAY)
    quiet = sum(step.statistic is not None and not step.is_raised for step in path.steps) + len(path.episodes)
    return quiet / len(path.episodes) / rule.arl0


@pytest.mark.parametrize(
    ("subscribers", "leave", "change"),
    [
        pytest.param(400, 0.01, 0.7, id="a segment of four hundred"),
        pytest.param(2_000, 0.003, 0.2, id="of two thousand", marks=pytest.mark.long),
    ],
)
def test_of_a_small_segment_false_alarms_come_as_seldom_as_is_stated(subscribers: int, leave: float, change: float):
    """A segment's subscribers are counted as all are; there are fewer, so single days reach farther."""
    firm = a_firm(np.random.default_rng(11), subscribers, leave, DAYS, spread=0.0)
    mornings = {day: Morning(each.people, each.people, len_of(each)) for day, each in firm.items()}

    assert 0.75 < between_alarms(mornings, Rule("up", change, 100, 26), is_compound=False) < 1.6


@pytest.mark.parametrize(
    ("subscribers", "leave", "change"),
    [
        pytest.param(400, 0.01, 0.7, id="what four hundred bring"),
        pytest.param(2_000, 0.003, 0.2, id="what two thousand bring", marks=pytest.mark.long),
    ],
)
def test_of_a_segment_s_revenue_false_alarms_come_as_seldom_as_is_stated(subscribers: int, leave: float, change: float):
    """Few subscribers with unlike prices: what a single one takes along is a greater part of the whole."""
    mornings = a_firm(np.random.default_rng(11), subscribers, leave, DAYS, spread=0.8)

    assert 0.75 < between_alarms(mornings, Rule("up", change, 100, 26), is_compound=True) < 1.35


def len_of(morning: Morning) -> float:
    """How many left, where all pay the same."""
    return round(morning.people * morning.lost / morning.whole)


@pytest.mark.long
def test_without_regard_to_how_far_a_day_reaches_false_alarms_come_more_often():
    """Who pays most leaves as one, and takes much along: the reason for the divisor, shown against going without."""
    mornings = a_firm(np.random.default_rng(5), 5_000, 0.01, DAYS, spread=1.2)

    assert between_alarms(mornings, Rule("up", 0.5, 100, 26), is_compound=False) < 0.7


def test_a_day_is_a_share_of_its_morning_and_never_more_than_all():
    days = {
        MONDAY: Morning(10, 1_000.0, 250.0),
        MONDAY + 1: Morning(10, 1_000.0, 1_500.0),
        MONDAY + 2: Morning(10, 1_000.0, -5.0),
        MONDAY + 3: Morning(0, 0.0, 0.0),
        MONDAY + 4: Morning(-1, 10.0, 5.0),
    }

    series = losses(MONDAY, MONDAY + 5, days)

    assert series.counts[:, 0].tolist() == [[7.5, 2.5], [0, 10], [10, 0], [0, 0], [0, 0], [0, 0]]
    assert series.totals().tolist() == [250.0, 1_000.0, 0, 0, 0, 0]
