"""Windows, cohorts and scores, worked by hand and held to brute force."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.domain.calendar import last_periods, to_date
from services.metrics.retention.domain.cohorts import RULES, Seen, cohorts, means
from services.metrics.retention.domain.recurring import wait
from services.metrics.retention.domain.rfm import SEGMENTS, Crowd, Cuts, Part, Scores, totals
from services.metrics.retention.domain.survival import GROUPS, Curve, LeftOut, Waits
from services.metrics.retention.domain.windows import Asked, advise

TODAY = 20_000


def a_shop(seed: int, customers: int = 600) -> tuple[Curve, int]:
    """Customers of whom half ever come back, after five to fifty days, and who leave after each purchase by half."""
    dice = random.Random(seed)
    ended, going = [], []
    for _ in range(customers):
        day = TODAY - dice.randrange(1, 400)
        while True:
            gap = dice.randrange(5, 51)
            if dice.random() < 0.5 or day + gap > TODAY:
                going.append((TODAY - day, 1))
                break
            ended.append((gap, 1))
            day += gap
    return Curve.of(Waits.of(ended, going)), customers


def test_a_window_by_the_share_of_returns():
    """Returns come evenly from the 5th to the 50th day: nine in ten by the 46th or so, and from the 50th none is."""
    advice = advise(*a_shop(1), Asked())

    assert advice.reasons == ()
    assert advice.recommended is not None
    assert advice.low_days <= advice.recommended.days <= advice.high_days
    assert 43 <= advice.recommended.days <= 48
    late = next(each for each in advice.candidates if each.days == 60)
    assert (late.false_churn.value, late.false_churn.interval.low) == (0, 0)
    assert 0 < late.false_churn.interval.high < 0.05
    # Of who has been silent for 21 days, with 30/46 of the returns to come: half × that, of all who are silent then.
    early = next(each for each in advice.candidates if each.days == 21)
    to_come = 0.5 * (50 - 21) / 46
    assert early.false_churn.interval.low < to_come / (to_come + 0.5) < early.false_churn.interval.high


def test_a_window_by_how_many_come_back_is_the_shortest_that_does():
    curve, customers = a_shop(2)
    advice = advise(curve, customers, Asked(at_most=0.2, horizon_days=60))

    assert advice.recommended is not None
    chosen = advice.recommended
    assert chosen.false_churn.interval.high <= 0.2
    for days in range(1, chosen.days):
        shorter = curve.ended_by(days + 60, after=days)
        assert shorter.interval.high > 0.2, days


@settings(max_examples=40)
@given(st.integers(0, 200), st.sampled_from((0.5, 0.8, 0.9, 0.95)))
def test_more_returns_are_not_seen_sooner(seed: int, share: float):
    """INVARIANT: whoever wants to see more of the returns waits longer, and is wrong no more often for it."""
    curve, customers = a_shop(seed, 300)
    some, more = advise(curve, customers, Asked(share)), advise(curve, customers, Asked(share + 0.04))

    assert some.recommended is not None
    assert more.recommended is not None
    assert some.recommended.days <= more.recommended.days
    for each in some.candidates:
        assert each.false_churn.interval.low <= each.false_churn.value <= each.false_churn.interval.high


def test_the_default_horizon_leaves_time_for_the_window():
    """Watched for 40 days, returns after 20 to 25: half of it is too much to ask after the window."""
    dice = random.Random(5)
    ended = [(dice.randrange(20, 26), 1) for _ in range(300)]
    advice = advise(Curve.of(Waits.of(ended, [(40, 400)])), 400, Asked())

    assert (advice.watched_days, advice.horizon_days) == (40, 40 - advice.recommended.days)
    asked = advise(Curve.of(Waits.of(ended, [(40, 400)])), 400, Asked(horizon_days=20))
    assert asked.reasons == ("horizon_too_long",)


def test_cohorts_worked_by_hand():
    """Three weeks. A: bought in each; B: in the first and third; C and D: in the second, D in the third too.

    week     0 1 2     on   1 1/2 2/2 | 1/2      every 1/2 1/2     on or after 2/2 2/2
    A        x x x
    B        x   x
    C          x
    D          x x
    """
    periods = last_periods("week", TODAY, 3)
    seen = [Seen(0, 0, 2, 0, 2), Seen(0, 1, 1, 0, 1), Seen(0, 2, 2, 2, 1), Seen(1, 0, 2, 1, 2), Seen(1, 1, 1, 1, 1)]
    counts = {
        rule: [
            [cell.customers for cell in cohort.cells]
            for cohort in cohorts(periods, seen, rule, as_of=TODAY, today=TODAY)
        ]
        for rule in RULES
    }

    assert counts == {
        "on": [[2, 1, 2], [2, 1], []],
        "on_or_after": [[2, 2, 2], [2, 1], []],
        "every": [[2, 1, 1], [2, 1], []],
    }
    found = cohorts(periods, seen, "on", as_of=TODAY, today=TODAY)
    # The running week is not over, so only what lies before it has a mean.
    assert [cell.is_complete for cell in found[0].cells] == [True, True, False]
    assert [tuple(each) for each in means(found)] == [(0, 4, 4, 2), (1, 1, 2, 1)]
    # As of the Sunday before, that week is over as soon as it is past.
    sunday = periods[1].end - 1
    earlier = cohorts(last_periods("week", sunday, 2), seen[:2], "on", as_of=sunday, today=sunday + 1)
    assert [cell.is_complete for cell in earlier[0].cells] == [True, True]
    assert to_date(sunday).weekday() == 6


def test_each_pair_of_scores_has_one_name():
    """INVARIANT: segments part all customers: 25 pairs of recency and frequency, ten names, none left out."""
    names = {(r, f): {Scores(r, f, m).segment for m in range(1, 6)} for r in range(1, 6) for f in range(1, 6)}

    assert all(len(each) == 1 for each in names.values())
    assert {name for each in names.values() for name in each} == set(SEGMENTS)
    assert names[5, 5] == names[5, 4] == {"champions"}
    assert names[5, 1] == {"new"}
    assert names[1, 5] == {"cannot_lose"}
    assert names[1, 1] == {"hibernating"}


def test_scores_worked_by_hand():
    """Ten customers: quintiles of ten days are the 2nd, 4th, 6th and 8th; a value on a cut is below it."""
    cuts = Cuts([2, 4, 6, 8], [2, 2, 5], [20, 40, 60, 80])

    assert [cuts.scores(day, 1, 10 * day) for day in (1, 2, 3, 8, 9)] == [
        (1, 1, 1),
        (1, 1, 1),
        (2, 1, 2),
        (4, 1, 4),
        (5, 1, 5),
    ]
    # Half of those who came again did so twice: they all score 2, and nobody 3.
    assert [cuts.scores(1, orders, 0).frequency for orders in (1, 2, 3, 5, 6)] == [1, 2, 4, 4, 5]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9)), max_size=30))
def test_segments_sum_to_all(rows: list[tuple[int, int, int]]):
    """INVARIANT: the customers, orders and money of all segments are those of all parts."""
    parts = [Part(r, f, number, 2 * number, 100 * number, number) for r, f, number in rows]
    found = totals(parts)

    assert [each.segment for each in found] == list(SEGMENTS)
    for place in (1, 2, 3, 4):
        assert sum(each[place] for each in found) == sum(part[place + 1] for part in parts)


def test_who_cannot_be_told_apart_is_not_scored():
    assert Crowd("VND", 500, Cuts([7, 7, 7, 7], [], [1, 2, 3, 4]), ()).reasons == ("recency_alike",)
    assert Crowd("VND", 99, Cuts([1, 2, 3, 4], [], [1, 2, 3, 4]), ()).reasons == ("too_few_customers",)


def test_a_wait_shows_no_point_that_nobody_waited_for():
    found = wait(1, Curve.of(Waits.of([(3, 2), (40, 1)], [(20, 1)])))

    assert (found.nth, found.customers, found.ended) == (1, 4, 3)
    assert found.points[-1].day == 30
    assert all(point.waiting > 0 for point in found.points)
    assert {share: length and length.days for share, length in found.quarters.items()} == {0.25: 3, 0.5: 3, 0.75: 40}
    assert wait(2, Curve.of(Waits.of([], []))).points == []


@pytest.mark.parametrize("seed", range(3))
def test_false_churn_is_that_of_the_truth(seed: int):
    """INVARIANT: where each day one in fifty comes back, whoever is called lapsed comes back within 30 with
    1 − 0.98³⁰, whatever the window; half of the lapses are too young to be watched so long, and mislead nobody."""
    dice = random.Random(seed)
    ended, going = [], []
    for _ in range(3_000):
        life = math.ceil(math.log(1 - dice.random()) / math.log(0.98))
        watched = dice.randrange(1, 120)
        (ended if life <= watched else going).append((min(life, watched), 1))
    advice = advise(Curve.of(Waits.of(ended, going)), 3_000, Asked(horizon_days=30))
    truth = 1 - 0.98**30

    held = [each.false_churn.interval.low <= truth <= each.false_churn.interval.high for each in advice.candidates]
    # Windows share their lapses, so one that misses seldom misses alone.
    assert sum(held) >= len(held) - 3
    naive = sum(n for days, n in ended if 21 < days <= 51) / sum(n for days, n in (*ended, *going) if days > 21)
    at_21 = next(each.false_churn for each in advice.candidates if each.days == 21)
    assert naive < at_21.interval.low


def a_mixed_shop(dice: random.Random, customers: int) -> tuple[Curve, LeftOut]:
    """Customers of very different pace, of whom some lapse and come back time and again, over two years."""
    rows: list[tuple[int, int, bool, int]] = []
    for who in range(customers):
        pace, leaving = dice.gammavariate(0.6, 1 / 40), dice.betavariate(0.8, 2.5)
        left = dice.randrange(1, 730)
        while True:
            gap = max(1, round(dice.expovariate(pace)))
            if dice.random() < leaving or gap > left:
                rows.append((who % GROUPS, left, False, 1))
                break
            rows.append((who % GROUPS, gap, True, 1))
            left -= gap
    ended = [(days, number) for _, days, is_over, number in rows if is_over]
    curve = Curve.of(Waits.of(ended, [(days, number) for _, days, is_over, number in rows if not is_over]))
    return curve, LeftOut.of(rows, len(curve.waiting))


def test_who_lapses_time_and_again_does_not_make_the_figure_surer_than_it_is():
    """INVARIANT: 95 % of intervals hold the truth where people differ; Greenwood's, as if each lapse were somebody
    else's, hold it in fewer."""
    dice = random.Random(11)
    truth = a_mixed_shop(dice, 10_000)[0].ended_by(120, after=30)
    assert truth is not None
    held = {True: 0, False: 0}
    for _ in range(100):
        curve, left_out = a_mixed_shop(dice, 300)
        for is_wide, share in ((True, curve.ended_by(120, 30, left_out)), (False, curve.ended_by(120, 30))):
            assert share is not None
            held[is_wide] += share.interval.low <= truth.value <= share.interval.high
    assert held[True] / 100 >= 0.9
    assert held[False] < held[True]


def test_a_window_is_as_sure_as_people_are_alike():
    """INVARIANT: counting people whole never makes an interval narrower, and moves no figure."""
    curve, left_out = a_mixed_shop(random.Random(3), 2_000)
    plain, wide = advise(curve, 2_000, Asked()), advise(curve, 2_000, Asked(), (), left_out)

    assert wide.recommended.days == plain.recommended.days
    assert wide.low_days <= plain.low_days
    assert wide.high_days is None or wide.high_days >= plain.high_days
    for one, other in zip(plain.candidates, wide.candidates, strict=True):
        assert one.false_churn.value == other.false_churn.value
        assert other.false_churn.interval.low <= one.false_churn.interval.low
        assert other.false_churn.interval.high >= one.false_churn.interval.high
    assert {each.false_churn.interval.method for each in wide.candidates} >= {"jackknife"}
