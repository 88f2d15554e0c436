"""The path of a CUSUM: held against one counted person by person, and against shops that are simulated."""

from dataclasses import replace

import numpy as np
import pytest
from alarm_simulation import MONDAY, Shop, between_alarms, find, share, simulate
from alarm_truth import Day, cusum
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.alarms.domain import scoring, threshold
from services.metrics.alarms.domain.path import Path, Rule, walk
from services.metrics.alarms.domain.scoring import Missing, Scoring
from services.metrics.alarms.domain.series import Series

START = MONDAY + 7 * 14
NEVER = 1e7


def seen(path: Path) -> list[tuple[int, int, int | None]]:
    return [(each.change, each.raised, each.cleared) for each in path.episodes]


def a_series(seed: int, p: float, n: int, *, jump: float = 0.0, days: int = 7 * 30) -> Series:
    """Shares; in the last third they are higher by `jump`."""
    rng = np.random.default_rng(seed)
    chances = np.where(np.arange(days) > days * 2 // 3, p + jump, p)
    numbers = rng.poisson(n, days)
    yes = rng.binomial(numbers, chances)
    return Series(MONDAY, (0.0, 100.0), np.stack([numbers - yes, yes], axis=-1)[:, None, :].astype(float))


@given(st.integers(0, 10**6), st.floats(0.2, 0.8), st.integers(5, 40), st.sampled_from([-10.0, 8.0, 60.0]))
@settings(max_examples=8, deadline=None)
def test_the_path_is_that_of_counting_person_by_person(seed: int, p: float, n: int, change: float):
    series = a_series(seed, p, n)
    days = [Day(int(no), int(yes)) for (no, yes) in series.counts[:, 0]]

    path = walk(series, Rule("up" if change > 0 else "down", abs(change), NEVER, 12), START)

    expected = cusum(days, START - MONDAY, change / 100, 12)
    assert [step.statistic for step in path.steps] == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0, 0.3))
@settings(max_examples=8, deadline=None)
def test_a_new_day_changes_nothing_of_the_days_before(seed: int, later: int, jump: float):
    """So a path that is made anew each night says of each day what was said of it first, unless facts came late."""
    series, rule = a_series(seed, 0.4, 20, jump=jump), Rule("up", 6, 90, 12)
    shorter = replace(series, counts=series.counts[:-later])

    whole, part = walk(series, rule, START), walk(shorter, rule, START)

    assert whole.steps[:-later] == part.steps
    known = [each for each in seen(whole) if each[1] <= shorter.last]
    assert [each[:2] for each in known] == [each[:2] for each in seen(part)]


@given(st.integers(0, 10**6), st.floats(1.05, 20), st.floats(0, 0.2))
@settings(max_examples=8, deadline=None)
def test_who_asks_for_fewer_false_alarms_is_not_alarmed_sooner(seed: int, times: float, jump: float):
    series = a_series(seed, 0.4, 60, jump=jump)
    often, seldom = (walk(series, Rule("up", 8, arl0, 12), START) for arl0 in (60, 60 * times))

    assert min((each.raised for each in often.episodes), default=NEVER) <= min(
        (each.raised for each in seldom.episodes), default=NEVER
    )


@given(st.integers(0, 10**6), st.floats(-0.2, 0.2))
@settings(max_examples=8, deadline=None)
def test_up_is_down_in_the_mirror(seed: int, jump: float):
    series = a_series(seed, 0.5, 20, jump=jump)
    mirrored = replace(series, counts=np.ascontiguousarray(series.counts[:, :, ::-1]))

    up, down = walk(series, Rule("up", 6, 90, 12), START), walk(mirrored, Rule("down", 6, 90, 12), START)

    assert seen(up) == seen(down)
    assert [step.statistic for step in up.steps] == pytest.approx([step.statistic for step in down.steps], abs=1e-9)


SHOPS = {
    "a share": (share(0.3, 20), Rule("up", 6, 60, 26)),
    "a rare share": (share(0.01, 500), Rule("down", 0.5, 60, 26)),
    "an NPS": (Shop("net", 10, (0.2, 0.3, 0.5)), Rule("down", 15, 60, 26)),
    "a mean score": (Shop("mean", 10, (0.05, 0.05, 0.1, 0.1, 0.2, 0.3, 0.2)), Rule("down", 0.5, 60, 26)),
    "weekdays": (share(0.3, 20, weekdays=0.6), Rule("up", 6, 60, 26)),
    "unlike risks": (Shop("share", 20, (0.5, 0.5), strata=(0.8, 0.3)), Rule("up", 6, 60, 26)),
    "alike people": (share(0.3, 20, clumped=2.0), Rule("up", 6, 60, 26)),
    "a short base": (share(0.3, 20), Rule("up", 6, 60, 8)),
}


@pytest.mark.parametrize("name", SHOPS)
def test_false_alarms_come_as_seldom_as_is_stated(name: str):
    """Within a quarter, and rather more seldom: 8,400 days each, of which an alarm takes 60."""
    shop, rule = SHOPS[name]

    assert 0.75 < between_alarms(shop, rule, 8_400, seed=11) < 1.35


def test_without_the_error_of_the_base_false_alarms_come_too_often(monkeypatch: pytest.MonkeyPatch):
    shop, rule = SHOPS["a short base"]
    honest = between_alarms(shop, rule, 8_400, seed=11)

    monkeypatch.setattr(scoring, "height_for", lambda interval, _: threshold.height_for(interval, 1e9))

    assert between_alarms(shop, rule, 8_400, seed=11) < 0.92 * honest


@pytest.mark.parametrize("name", ["a share", "an NPS"])
def test_a_change_is_found_in_the_days_stated_and_dated_within_the_interval(name: str):
    shop, rule = SHOPS[name]

    found = find(shop, replace(rule, arl0=365), runs=30, seed=2)

    assert 0.7 < found.delay < 1.3
    assert found.within >= 0.9
    assert found.days_off <= 7
    # Raised once, and standing.
    assert found.episodes <= 1.15


def test_weekdays_alone_raise_nothing():
    """Each Monday twice as good as each Sunday, in so many answers that chance plays no part."""
    shop = share(0.5, 4_000, weekdays=0.9)
    path = walk(simulate(shop, 7 * 40, np.random.default_rng(1)), Rule("up", 2, 3_650, 12), START)

    assert path.episodes == ()
    assert max(step.statistic or 0.0 for step in path.steps) < 0.7 * (path.steps[-1].threshold or 0)


def test_a_level_that_holds_for_a_quarter_is_the_new_one():
    series = a_series(4, 0.3, 30, jump=0.3, days=7 * 60)
    path = walk(series, Rule("up", 6, 365, 26), START)

    [episode] = [each for each in path.episodes if each.cause == "settled"]
    assert episode.cleared == episode.raised + 91
    assert isinstance(path.basis, Scoring)
    assert path.basis.first >= episode.change
    assert path.basis.mean == pytest.approx(60, abs=3)


@pytest.mark.parametrize(
    ("series", "rule", "reason"),
    [
        (a_series(1, 0.5, 20, days=49), Rule("up", 5, 365, 26), "too_few_weeks"),
        (a_series(1, 0.5, 1, days=7 * 12), Rule("up", 5, 365, 26), "too_few_answers"),
        (a_series(1, 1.0, 20), Rule("down", 5, 365, 26), "too_alike"),
        (
            replace(a_series(1, 0.5, 20), counts=np.tile(np.eye(2) * 9, (210, 1, 1))),
            Rule("up", 5, 365, 26),
            "too_alike",
        ),
        (a_series(1, 0.5, 2), Rule("up", 1, 365, 26), "too_few_a_day"),
        (a_series(1, 0.5, 0), Rule("up", 1, 365, 26), "too_few_weeks"),
    ],
    ids=["weeks", "answers", "alike", "each alike", "a day", "nothing"],
)
def test_too_little_is_said_to_be(series: Series, rule: Rule, reason: str):
    path = walk(series, rule, START)

    assert isinstance(path.basis, Missing)
    assert path.basis.reason == reason
    assert path.basis.have < path.basis.need
    assert path.steps == () or path.steps[-1].statistic is None
    assert path.episodes == ()


def test_what_would_be_needed_would_do():
    """So many answers a day as are said to be needed are enough, and not many more than that."""
    short = walk(a_series(1, 0.5, 4, days=7 * 40), Rule("up", 3, 365, 26), START).basis
    assert isinstance(short, Missing)

    enough, less = (
        walk(a_series(1, 0.5, round(short.need * part), days=7 * 40), Rule("up", 3, 365, 26), START).basis
        for part in (1.25, 0.5)
    )

    assert isinstance(enough, Scoring)
    assert isinstance(less, Missing)


@given(
    st.sampled_from([(0.0, 100.0), (-100.0, 0.0, 100.0), tuple(map(float, range(1, 8)))]),
    st.integers(1, 2),
    st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0, 2.5, 7.0, 40.0, 1e4, 1e9]), min_size=14, max_size=42),
    st.floats(0.001, 100),
    st.sampled_from(["up", "down"]),
    st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_whatever_days_there_are_no_number_is_made_up(values, strata, numbers, change, way, seed):
    """Whales, empty days, fractions, all alike: a finite path, or a reason."""
    rng = np.random.default_rng(seed)
    counts = rng.choice(np.array(numbers), size=(7 * 16, strata, len(values)))
    counts *= rng.random(counts.shape) < rng.random()

    path = walk(Series(MONDAY, values, counts), Rule(way, change, 365, 26), START - 7)

    for step in path.steps:
        assert (step.statistic is None) == (step.threshold is None)
        assert step.statistic is None or (np.isfinite(step.statistic) and step.statistic >= 0)
        assert step.threshold is None or (np.isfinite(step.threshold) and step.threshold > 0)
    if isinstance(path.basis, Scoring):
        assert np.isfinite([path.basis.theta, path.basis.mean, path.basis.days_to_find, path.basis.shift]).all()


def test_the_end_of_a_scale_is_no_bar():
    """A share of 97 % that becomes better by five: half of the way to the end is looked for."""
    series = a_series(1, 0.97, 200)

    basis = walk(series, Rule("up", 5, 365, 26), START).basis

    assert isinstance(basis, Scoring)
    assert basis.shift == pytest.approx((100 - basis.mean) / 2)
    assert np.isfinite([basis.theta, basis.threshold, basis.days_to_find]).all()
