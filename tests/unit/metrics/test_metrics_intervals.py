"""Intervals hold what they say: by exact enumeration, against published numbers, and in simulation."""

import random
from collections.abc import Iterator
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.intervals import (
    Interval,
    Sample,
    benjamini_hochberg,
    compare_nps,
    compare_samples,
    compare_shares,
    effective_n,
    mean_sample,
    net_sample,
    newcombe,
    normal_quantile,
    nps_interval,
    sample_interval,
    smallest_detectable,
    two_sided_p,
    wilson,
)

Z = 1.959963984540054


def outcomes(n: int, d: float, p: float) -> Iterator[tuple[int, int, float]]:
    """Every (detractors, promoters) of n answers, and how likely it is."""
    for detractors in range(n + 1):
        for promoters in range(n - detractors + 1):
            rest = n - detractors - promoters
            ways = comb(n, detractors) * comb(n - detractors, promoters)
            yield detractors, promoters, ways * d**detractors * p**promoters * (1 - d - p) ** rest


def wald(promoters: int, passives: int, detractors: int) -> Interval:
    """What is not used, and why: the field's table has it beside ours."""
    n = promoters + passives + detractors
    net = (promoters - detractors) / n
    half = Z * sqrt(((promoters + detractors) / n - net * net) / n)
    return Interval(net - half, net + half)


def coverage(interval, n: int, d: float, p: float) -> tuple[float, float]:
    """How often it holds the true NPS, and its mean width in points before it is kept within the scale."""
    held = width = 0.0
    for detractors, promoters, likely in outcomes(n, d, p):
        counts = (promoters, n - promoters - detractors, detractors)
        found = interval(*counts)
        plain = found.high - found.low
        width += likely * 100 * (plain if interval is wald else 2 * Z * sqrt(net_sample(*counts).error))
        if found.low - 1e-12 <= p - d <= found.high + 1e-12:
            held += likely
    return held, width


@pytest.mark.parametrize(
    ("d", "p", "n", "plain", "plain_width", "adjusted", "adjusted_width"),
    [
        (0.10, 0.60, 5, 0.892, 97, 0.934, 97),
        (0.10, 0.60, 10, 0.873, 77, 0.947, 75),
        (0.10, 0.60, 30, 0.930, 47, 0.950, 46),
        (0.10, 0.60, 100, 0.946, 26, 0.951, 26),
        (0.30, 0.30, 10, 0.912, 90, 0.966, 79),
        (0.05, 0.80, 5, 0.665, 65, 0.929, 95),
        (0.05, 0.80, 20, 0.860, 44, 0.956, 49),
        (0.02, 0.90, 5, 0.401, 36, 0.919, 93),
        (0.02, 0.90, 10, 0.649, 34, 0.930, 64),
        (0.02, 0.90, 50, 0.910, 20, 0.966, 24),
    ],
)
def test_coverage_is_that_of_the_published_table(d, p, n, plain, plain_width, adjusted, adjusted_width):
    assert coverage(wald, n, d, p) == (pytest.approx(plain, abs=6e-4), pytest.approx(plain_width, abs=0.6))
    held, width = coverage(nps_interval, n, d, p)
    assert held == pytest.approx(adjusted, abs=6e-4)
    assert width == pytest.approx(adjusted_width, abs=0.6)


SPLITS = [(0.10, 0.60), (0.30, 0.30), (0.05, 0.80), (0.02, 0.90), (0.20, 0.50), (0.45, 0.25)]


def test_coverage_at_ten_answers_and_more_is_between_92_and_97_percent_in_simulation():
    rng = random.Random(20261122)
    for n in (10, 20, 40, 100, 400):
        held = 0
        for run in range(4_000):
            d, p = SPLITS[run % len(SPLITS)]
            scores = rng.choices((-1, 0, 1), (d, 1 - d - p, p), k=n)
            promoters, detractors = scores.count(1), scores.count(-1)
            found = nps_interval(promoters, n - promoters - detractors, detractors)
            held += found.low <= p - d <= found.high
        assert 0.92 <= held / 4_000 <= 0.97, n


@pytest.mark.parametrize("n", [10, 25])
def test_coverage_over_all_truths_is_between_92_and_97_percent(n: int):
    """Truths drawn evenly from all there are. At single truths without any detractor it can be 88 % at n = 10."""
    rng = random.Random(n)
    held, runs = 0.0, 150
    for _ in range(runs):
        low, high = sorted((rng.random(), rng.random()))
        held += coverage(nps_interval, n, low, high - low)[0]
    assert 0.92 <= held / runs <= 0.97


@pytest.mark.parametrize(("d", "p"), SPLITS)
def test_coverage_of_few_answers_never_falls_as_plain_walds_does(d: float, p: float):
    for n in (5, 7, 9):
        assert coverage(nps_interval, n, d, p)[0] >= 0.91


def test_of_promoters_alone_the_interval_has_a_width():
    assert wald(10, 0, 0).low == wald(10, 0, 0).high == 1.0
    found = nps_interval(10, 0, 0)
    assert found.high == 1.0
    assert 0.4 < found.low < 0.9


@given(st.tuples(*[st.integers(0, 10_000)] * 3), st.floats(0.5, 0.999))
def test_the_interval_is_a_mirror_and_stays_on_the_scale(counts: tuple[int, int, int], level: float):
    p, q, d = counts
    found, mirrored = nps_interval(p, q, d, level), nps_interval(d, q, p, level)
    assert -1 <= found.low < found.high <= 1
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert found.low - 1e-9 <= (p - d + 0.0) / (p + q + d + 3) <= found.high + 1e-9


@pytest.mark.parametrize(
    ("d", "p", "n", "half", "detectable"),
    [
        (0.2, 0.5, 100, 15.1, 30.9),
        (0.2, 0.5, 400, 7.6, 15.5),
        (0.2, 0.5, 1000, 4.8, 9.8),
        (0.2, 0.5, 2000, 3.4, 6.9),
        (0.1, 0.6, 100, None, 26.6),
        (0.1, 0.6, 400, None, 13.3),
        (0.1, 0.6, 1000, None, 8.4),
        (0.1, 0.6, 2000, None, 5.9),
    ],
)
def test_the_smallest_change_is_that_of_the_published_table(d, p, n, half, detectable):
    planned = Sample(p - d, p + d - (p - d) ** 2, n)
    assert 100 * smallest_detectable(planned, planned) == pytest.approx(detectable, abs=0.05)
    counts = (p * n, (1 - p - d) * n, d * n)
    found = nps_interval(*counts)
    if half is not None:
        assert 50 * (found.high - found.low) == pytest.approx(half, abs=0.3)
    # What is served stands on the adjusted samples, and is the same but for their three answers.
    assert 100 * compare_nps(counts, counts).smallest_detectable == pytest.approx(detectable, rel=0.02)


def test_two_periods_that_are_the_same_in_truth_differ_by_chance_in_one_of_twenty():
    rng = random.Random(8)
    rejected, runs = 0, 3_000
    for _ in range(runs):
        drawn = [rng.choices((1, 0, -1), (0.5, 0.3, 0.2), k=100) for _ in range(2)]
        one, two = [(each.count(1), each.count(0), each.count(-1)) for each in drawn]
        rejected += compare_nps(one, two).p_value < 0.05
    assert 0.035 <= rejected / runs <= 0.06


def test_a_change_as_large_as_the_smallest_is_found_in_four_of_five():
    rng = random.Random(80)
    now, then, n = (0.6, 0.3, 0.1), (0.5, 0.3, 0.2), 0
    for n in range(100, 1_000):
        if smallest_detectable(*[Sample(p - d, p + d - (p - d) ** 2, n) for p, _, d in (now, then)]) <= 0.2:
            break
    found = 0
    for _ in range(2_000):
        drawn = [rng.choices((1, 0, -1), each, k=n) for each in (now, then)]
        one, two = [(each.count(1), each.count(0), each.count(-1)) for each in drawn]
        found += compare_nps(one, two).p_value < 0.05
    assert 0.77 <= found / 2_000 <= 0.84


def test_a_comparison_says_what_it_is_of():
    found = compare_nps((60, 30, 10), (50, 30, 20))
    assert found.difference == pytest.approx(0.2)
    assert found.interval.low < 0.2 < found.interval.high
    assert found.interval.method == "adjusted_wald"
    assert found.p_value == pytest.approx(0.053, abs=5e-3)
    back = compare_nps((50, 30, 20), (60, 30, 10))
    assert back.difference == pytest.approx(-found.difference)
    assert back.interval.low == pytest.approx(-found.interval.high)
    assert back.p_value == pytest.approx(found.p_value)


def test_the_interval_of_a_difference_holds_nothing_but_no_change_exactly_when_the_test_says_so():
    rng = random.Random(3)
    for _ in range(300):
        one, two = [tuple(rng.randint(1, 60) for _ in range(3)) for _ in range(2)]
        found = compare_nps(one, two)
        assert (found.p_value < 0.05) == (not found.interval.low <= 0 <= found.interval.high)


# Newcombe (1998), "Interval estimation for the difference between independent proportions", table II, method 10.
@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombe_gives_the_published_intervals(a, m, b, n, low, high):
    found = newcombe(a, m, b, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_shares_are_compared_by_the_pooled_test():
    found = compare_shares(56, 70, 48, 80)
    assert found.difference == pytest.approx(0.2)
    # The square of z is Pearson's chi-squared: 7.0299.
    assert found.p_value == pytest.approx(two_sided_p(sqrt(7.0299), 1.0), rel=0.02)
    assert found.interval == newcombe(56, 70, 48, 80)
    assert compare_shares(5, 5, 9, 9).p_value == 1.0
    assert compare_shares(5, 5, 9, 9).smallest_detectable > 0.2


@pytest.mark.parametrize(
    "chances",
    [
        (1, 1, 2, 3, 8, 25, 60),
        (1, 0, 0, 1, 3, 5, 90),
        (5, 10, 20, 30, 20, 10, 5),
        (30, 10, 5, 5, 5, 15, 30),
    ],
)
def test_the_interval_of_a_mean_score_holds_it(chances: tuple[int, ...]):
    truth = sum(score * chance for score, chance in enumerate(chances, start=1)) / 100
    rng = random.Random(7)
    for n in (10, 30, 100):
        held = 0
        for _ in range(1_000):
            drawn = rng.choices(range(1, 8), chances, k=n)
            found = sample_interval(mean_sample({score: drawn.count(score) for score in range(1, 8)}, 1, 7), 1, 7)
            held += found.low <= truth <= found.high
        assert held / 1_000 >= 0.9


def test_a_mean_of_equal_scores_is_not_certain_and_stays_on_the_scale():
    found = sample_interval(mean_sample({7: 12}, 1, 7), 1, 7)
    assert found.high == 7
    assert found.low < 6.7
    one, two = mean_sample({7: 40}, 1, 7), mean_sample({6: 40}, 1, 7)
    compared = compare_samples(one, two, difference=1.0, widest=6.0)
    assert compared.p_value < 0.05
    assert compared.smallest_detectable > 0


def test_benjamini_and_hochberg_find_what_their_paper_finds():
    """Benjamini and Hochberg (1995), section 4: of fifteen hypotheses the first four."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    p_values += [0.6528, 0.7590, 1.0000]
    mixed = list(reversed(p_values))
    adjusted = dict(zip(mixed, benjamini_hochberg(mixed), strict=True))
    assert [p for p in p_values if adjusted[p] <= 0.05] == p_values[:4]
    assert adjusted[0.0001] == pytest.approx(0.0015)
    assert benjamini_hochberg([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_p_values_are_no_smaller_and_keep_their_order(p_values: list[float]):
    adjusted = benjamini_hochberg(p_values)
    assert all(p - 1e-12 <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


def test_unequal_weights_are_worth_fewer_answers():
    assert effective_n(10, 10) == 10
    assert effective_n(1 + 1 + 8, 1 + 1 + 64) == pytest.approx(100 / 66)
    assert effective_n(0, 0) == 0
    assert normal_quantile(0.95) == pytest.approx(Z)
    assert wilson(0.30000000000000004, 0.3).high == 1.0
