"""BG/NBD and MBG/NBD against the papers' digits, a direct integral, and bases whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import WEEK, cdnow
from scipy.integrate import quad

from services.metrics.domain.models import betageo, residual
from services.metrics.domain.models.betageo import Parameters, Variant
from services.metrics.domain.models.histories import counted

# Rounded as published: Fader, Hardie, Lee (2005).
PAPER = Parameters(0.243, 4.414, 0.793, 2.426)
# As lifetimes and CLVTools fit them, and as BTYD's walkthrough prints them.
FITTED = Parameters(0.2425945, 4.4136019, 0.7929199, 2.4258881)
BTYD = Parameters(0.2425982, 4.4136842, 0.7929899, 2.4261667)


def one(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


def expected(of: Parameters, variant: Variant, x: float, t: float, age: float, ahead: float) -> float:
    alive = betageo.alive(of, variant, *one(x, t, age))[0]
    return float(alive * residual.betageo(of, variant, *one(x, age)).until(ahead, (0.0,))[0, 0])


def test_cdnow_is_fitted_to_the_published_digits():
    base = cdnow()
    fit = betageo.fit(base.histories, "bg_nbd")

    r, alpha, a, b = fit.parameters
    assert [round(each, 3) for each in (r, alpha / WEEK, a, b)] == [0.243, 4.414, 0.793, 2.426]
    assert [round(each, 5) for each in (r, alpha / WEEK, a, b)] == [0.24259, 4.41360, 0.79292, 2.42591]
    # Their likelihood is in weeks: a density for each of the repeats.
    assert round(fit.log_likelihood + base.repeats.sum() * np.log(WEEK), 3) == -9582.429
    errors = fit.standard_errors
    assert errors is not None
    assert fit.problem is None
    assert [round(each, 4) for each in (errors[0], errors[1] / WEEK, *errors[2:])] == [0.0126, 0.3782, 0.1857, 0.7054]


def test_mbg_nbd_is_fitted_to_the_published_digits():
    base = cdnow()
    fit = betageo.fit(base.histories, "mbg_nbd")

    r, alpha, a, b = fit.parameters
    assert [round(each, 3) for each in (r, alpha / WEEK, a, b)] == [0.525, 6.183, 0.891, 1.614]
    assert round(fit.log_likelihood + base.repeats.sum() * np.log(WEEK), 3) == -9582.136


def test_what_a_new_customer_is_expected_to_buy():
    days = np.array([0.1429, 1, 3, 31.857, 32, 78])

    found = residual.betageo(FITTED, "bg_nbd", *one(0, 0)).cumulated(days)[0]

    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], rel=1e-3, abs=5e-5)
    assert residual.betageo(BTYD, "bg_nbd", *one(0, 0)).until(52, (0.0,))[0, 0] == pytest.approx(1.444004, abs=2e-6)


def test_what_known_customers_are_expected_to_buy():
    assert round(expected(PAPER, "bg_nbd", 2, 30.43, 38.86, 39), 11) == 1.22602817477
    assert expected(BTYD, "bg_nbd", 26, 216 / 7, 31, 52) == pytest.approx(25.75659, rel=3e-6)
    assert round(float(betageo.alive(BTYD, "bg_nbd", *one(26, 216 / 7, 31))[0]), 5) == 0.96885
    # The more often, the less: who bought often and then no more has left.
    paradox = [expected(BTYD, "bg_nbd", x, 20, 39, 52) for x in (10, 15, 20, 25)]
    assert paradox == pytest.approx([0.3474606, 0.04283391, 0.004158973, 0.0003583685], rel=2e-5)


def test_tracking_and_holdout_are_those_of_the_walkthrough():
    base = cdnow()
    births = base.age.max() - base.age
    weeks = np.arange(19.0, 26)
    distinct, counts = np.unique(births, return_counts=True)
    cumulative = sum(
        count * residual.betageo(BTYD, "bg_nbd", *one(0, 0)).cumulated(np.maximum(weeks - birth, 0))[0]
        for birth, count in zip(distinct, counts, strict=True)
    )

    assert cumulative[1:] == pytest.approx([1312.458, 1387.346, 1460.392, 1531.713, 1601.418, 1669.6], rel=2e-5)
    assert np.diff(cumulative) == pytest.approx([76.86531, 74.88843, 73.04554, 71.32166, 69.70412, 68.18213], rel=2e-5)

    ahead = residual.betageo(BTYD, "bg_nbd", base.repeats, base.age).until(39, (0.0,))[0]
    ahead = ahead * betageo.alive(BTYD, "bg_nbd", base.repeats, base.recency, base.age)
    group = np.minimum(base.repeats, 7).astype(int)
    found = np.bincount(group, weights=ahead) / np.bincount(group)
    published = [0.2250893, 0.5231364, 1.044126, 1.520256, 2.163824, 2.653789, 3.503957, 6.157036]
    assert found == pytest.approx(published, rel=2e-5)


def test_a_row_of_the_likelihood_as_published_for_the_stable_form():
    for x, t, value in ((0, 0, -0.59947382), (200, 38, 100.7957)):
        history = betageo.Histories(*one(x, t, 40.0, 1.0))
        found, _, _ = betageo.likelihood_of(history, "bg_nbd")(np.array([0.25, 4, 0.8, 2.5]))
        assert found == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
@pytest.mark.parametrize(
    ("a", "x", "ahead"),
    [(1.0, 3, 39), (1 + 1e-9, 3, 39), (0.793, 300, 39), (0.793, 5000, 520), (1e4, 3, 39), (0.793, 2, 1e-9)],
    ids=["a=1", "a~1", "often", "very often", "boundary", "at once"],
)
def test_the_pitfalls_of_the_closed_form(variant: Variant, a: float, x: float, ahead: float):
    of = Parameters(0.243, 4.414, a, 2.426)
    found = residual.betageo(of, variant, *one(x, 400)).until(ahead, (0.0,))[0, 0]

    assert np.isfinite(found)
    assert found > 0
    assert found <= (of.r + x) / (of.alpha + 400) * ahead * (1 + 1e-12)
    shorter = residual.betageo(of, variant, *one(x, 400)).until(ahead / 2, (0.0,))[0, 0]
    assert ahead < 1e-6 or shorter < found


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
def test_expectation_is_the_integral_over_rates_and_chances_to_leave(variant: Variant):
    of, x, age, ahead = Parameters(0.6, 9.0, 0.9, 2.5), 4, 30.0, 26.0
    above = of.b + x + (variant == "mbg_nbd")

    def of_rate(rate: float) -> float:
        # Given the rate and alive: purchases until leaving, (1 - e^(-p rate t)) / p, over Beta(a, above).
        inner = quad(
            lambda p: -np.expm1(-p * rate * ahead) / p * p ** (of.a - 1) * (1 - p) ** (above - 1),
            0,
            1,
            epsabs=1e-12,
        )[0]
        return inner * rate ** (of.r + x - 1) * np.exp(-(of.alpha + age) * rate)

    from scipy.special import beta, gamma

    scale = gamma(of.r + x) * (of.alpha + age) ** -(of.r + x) * beta(of.a, above)
    direct = quad(of_rate, 0, 5, epsabs=1e-14)[0] / scale

    found = residual.betageo(of, variant, *one(x, age)).until(ahead, (0.0,))[0, 0]
    assert found == pytest.approx(direct, rel=1e-7)


def test_discounted_residual_purchases():
    alive = betageo.alive(PAPER, "bg_nbd", *one(2, 30.43, 38.86))[0]
    found = alive * residual.betageo(PAPER, "bg_nbd", *one(2, 38.86)).until(520, (0.0027,))[0, 0]
    assert round(float(found), 6) == 4.655682


@given(
    st.floats(0.05, 5),
    st.floats(0.5, 500),
    st.floats(0.05, 20),
    st.floats(0.05, 20),
    st.integers(0, 400),
    st.floats(0, 1),
    st.floats(1, 2000),
)
def test_who_is_silent_is_less_and_less_alive(r, alpha, a, b, x, part, age):  # type: ignore[no-untyped-def]
    of = Parameters(r, alpha, a, b)
    t = part * age if x else 0.0
    for variant in ("bg_nbd", "mbg_nbd"):
        now, later = (betageo.alive(of, variant, *one(x, t, age + wait))[0] for wait in (0, 50))
        assert 0 <= later <= now <= 1
    if x == 0:
        assert betageo.alive(of, "bg_nbd", *one(x, t, age))[0] == 1


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
def test_a_simulated_base_gives_its_truth_back(variant: Variant):
    truth, people = Parameters(0.6, 40.0, 0.9, 2.5), 40_000
    dice = np.random.default_rng(11)
    rates = dice.gamma(truth.r, 1 / truth.alpha, people)
    leaving = dice.beta(truth.a, truth.b, people)
    age = dice.integers(180, 720, people)
    # As days count: a purchase a day at most is what is fitted, so rates are low and rounding is down to the day.
    repeats, recency = np.zeros(people, np.int64), np.zeros(people, np.int64)
    gone = (dice.random(people) < leaving) if variant == "mbg_nbd" else np.zeros(people, bool)
    clock = np.zeros(people)
    while True:
        clock = clock + dice.exponential(1 / rates)
        buys = ~gone & (clock < age)
        if not buys.any():
            break
        repeats += buys
        recency = np.where(buys, np.maximum(clock, repeats), recency).astype(np.int64)
        gone |= buys & (dice.random(people) < leaving)
        clock = np.where(buys, clock, np.inf)

    fit = betageo.fit(counted(repeats, recency, np.maximum(age, recency)), variant)

    assert fit.problem is None
    assert fit.covariance is not None
    off = (np.log(fit.parameters) - np.log(truth)) / np.sqrt(np.diag(fit.covariance))
    assert np.abs(off).max() < 4
    still = betageo.alive(Parameters(*fit.parameters), variant, repeats.astype(float), recency.astype(float), age)
    assert still.sum() == pytest.approx((~gone).sum(), rel=0.05)


def test_fits_do_not_depend_on_the_unit_of_time_nor_on_counting():
    days = cdnow().histories
    weeks = betageo.Histories(days.repeats, days.recency / WEEK, days.age / WEEK, days.customers)
    spread = betageo.Histories(
        *(np.repeat(each, 2) for each in (days.repeats, days.recency, days.age, days.customers / 2))
    )

    of_days, of_weeks, of_halves = (betageo.fit(each, "mbg_nbd").parameters for each in (days, weeks, spread))

    assert of_weeks[1] * WEEK == pytest.approx(of_days[1], rel=1e-9)
    assert (of_weeks[0], *of_weeks[2:]) == pytest.approx((of_days[0], *of_days[2:]), rel=1e-9)
    assert of_halves == pytest.approx(of_days, rel=1e-9)


@pytest.mark.parametrize(
    ("repeats", "recency", "age"),
    [(-1, 0, 5), (1, 6, 5), (3, 2, 5), (0, 2, 5), (1, 1, 1 << 20)],
)
def test_histories_that_cannot_be_are_refused(repeats: int, recency: int, age: int):
    with pytest.raises(ValueError, match="cannot be"):
        counted(np.array([repeats]), np.array([recency]), np.array([age]))


@pytest.mark.parametrize("base", ["all once", "all alike"])
def test_bases_that_say_nothing_are_not_identified(base: str):
    people = 20
    x = np.zeros(people, np.int64) if base == "all once" else np.full(people, 5)
    t = np.zeros(people, np.int64) if base == "all once" else np.full(people, 50)
    for variant in ("bg_nbd", "mbg_nbd"):
        fit = betageo.fit(counted(x, t, np.full(people, 60)), variant)
        assert fit.problem is not None
        assert np.isfinite(fit.parameters).all()
