"""What goes wrong elsewhere, case by case: conventions that move parameters, and arithmetic that loses its digits."""

from collections import defaultdict
from datetime import date
from functools import cache

import numpy as np
import pytest
from published import FOLDER, WEEK, cdnow
from scipy.integrate import quad
from scipy.special import beta, gamma

from services.cli.cdnow import dataset
from services.metrics.domain import calendar
from services.metrics.domain.models import betageo, discrete, gamma_gamma, pareto, residual
from services.metrics.domain.models.betageo import Parameters, Variant
from services.metrics.domain.models.histories import Array, Histories, counted, pairs
from services.metrics.domain.purchases import Bought, Purchases, history_of
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.people import People
from shared.errors import UserError

CALIBRATED = calendar.day_number(date(1997, 9, 30))
CDNOW = Parameters(0.243, 4.414 * WEEK, 0.793, 2.426)


@cache
def shoppers() -> tuple[tuple[Purchases, ...], int]:
    """What CDNOW's sample bought in the calibration period, by customer, in cents; and how many orders that were."""
    try:
        path = dataset(FOLDER, "lifetimes/datasets/CDNOW_sample.txt", 6_919)
    except UserError as error:
        pytest.skip(str(error))
    bought: defaultdict[str, dict[tuple[int, str], Bought]] = defaultdict(dict)
    orders = 0
    for line in path.read_text().splitlines():
        _, who, day, _, dollars = line.split()
        number = calendar.day_number(date(int(day[:4]), int(day[4:6]), int(day[6:])))
        if number <= CALIBRATED:
            orders += 1
            old = bought[who].get((number, "USD"), Bought(0, 0))
            bought[who][number, "USD"] = Bought(old.orders + 1, old.net_minor + round(100 * float(dollars)))
    return tuple(bought.values()), orders


def people(day: int) -> People:
    return People.of([history_of(each) for each in shoppers()[0]], day)


def fitted(these: People) -> tuple[float, ...]:
    rows = counted(*(each.astype(np.int64) for each in (these.repeats, these.recency, these.age)))
    r, alpha, a, b = betageo.fit(rows, "bg_nbd").parameters
    return r, alpha / WEEK, a, b


def test_orders_of_one_day_are_one_purchase():
    these = people(CALIBRATED)
    assert shoppers()[1] - len(these.repeats) > these.repeats.sum(), "some days have several orders"
    assert [round(each, 3) for each in fitted(these)] == [0.243, 4.414, 0.793, 2.426]
    # Counted one by one they would move the parameters.
    again = np.array([float(sum(bought.orders for bought in each.values()) - 1) for each in shoppers()[0]])
    r, alpha, a, b = betageo.fit(Histories(again, these.recency, these.age, np.ones(len(again))), "bg_nbd").parameters
    assert [round(r, 4), round(alpha / WEEK, 2)] == [0.2177, 3.27]
    assert a < b


def test_age_is_counted_to_the_end_of_the_day():
    rows = [
        counted(*(each.astype(np.int64) for each in (of.repeats, of.recency, of.age)))
        for of in (people(CALIBRATED), people(CALIBRATED + 1))
    ]
    in_weeks = people(CALIBRATED).repeats.sum() * np.log(WEEK)
    right, wrong = (betageo.fit(each, "bg_nbd").log_likelihood + in_weeks for each in rows)
    assert round(float(right), 3) == -9582.429
    # A day more moves the likelihood by whole units.
    assert abs(wrong - right) > 1


def test_spend_leaves_the_first_purchase_out():
    these = people(CALIBRATED)
    again = these.again_minor > 0
    found = gamma_gamma.fit(these.repeats[again], these.means[again] / 100)
    assert [round(each, 1) for each in found.parameters] == [6.2, 3.7, 15.4]
    # With it: other parameters, of another population.
    every = np.array([sum(bought.net_minor for bought in each.values()) / len(each) for each in shoppers()[0]]) / 100
    other = gamma_gamma.fit(these.repeats[again] + 1, every[again])
    assert [round(each, 1) for each in other.parameters] == [7.9, 4.0, 13.3]


def test_a_base_without_a_mean_says_nothing():
    dice = np.random.default_rng(5)
    nu = dice.gamma(0.7, 1 / 10, 4_000)
    found = gamma_gamma.fit(np.full(4_000, 3.0), dice.gamma(6 * 3, 1, 4_000) / nu / 3)
    assert found.parameters[1] < 1
    assert found.problem == "no_mean"


def test_whoever_bought_once_is_no_lost_customer_under_bg_nbd_and_a_risk_all_the_same():
    # Of churn it says nothing that they are alive for certain: what they do next does.
    of = Buying("bg_nbd", tuple(CDNOW))
    x, t, age = np.zeros(1), np.zeros(1), np.array([270.0])
    assert of.alive(x, t, age)[0] == 1
    assert 0.7 < of.silent(x, t, age, 90)[0] < 1
    # Seen over everybody: who was silent for long buys less, however alive they are said to be.
    base = cdnow()
    alive = of.alive(base.repeats, base.recency * WEEK, base.age * WEEK)
    risk = of.silent(base.repeats, base.recency * WEEK, base.age * WEEK, 39 * WEEK)
    assert alive[base.repeats == 0].min() == 1
    assert risk[base.repeats == 0].mean() > risk[base.repeats >= 3].mean()


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
@pytest.mark.parametrize("days", [1e-9, 1e-6])
def test_a_moment_ahead_is_the_rate_of_now(variant: Variant, days: float):
    found = residual.betageo(CDNOW, variant, np.array([3.0]), np.array([270.0])).until(days, (0.0,))[0, 0]
    assert found == pytest.approx((CDNOW.r + 3) / (CDNOW.alpha + 270) * days, rel=1e-8)


@pytest.mark.parametrize("a", [1.0, 1 + 1e-9, 1 - 1e-12])
@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
def test_where_the_closed_form_divides_by_nothing(variant: Variant, a: float):
    of, x, age, days = Parameters(0.6, 9.0, a, 2.5), 4, 30.0, 26.0
    above = of.b + x + (variant == "mbg_nbd")

    def of_rate(rate: float) -> float:
        def leaving(p: float) -> float:
            return float(-np.expm1(-p * rate * days) / p * p ** (of.a - 1) * (1 - p) ** (above - 1))

        return float(quad(leaving, 0, 1, epsabs=1e-12)[0] * rate ** (of.r + x - 1) * np.exp(-(of.alpha + age) * rate))

    scale = gamma(of.r + x) * (of.alpha + age) ** -(of.r + x) * beta(of.a, above)
    found = residual.betageo(of, variant, np.array([float(x)]), np.array([age])).until(days, (0.0,))[0, 0]
    assert found == pytest.approx(quad(of_rate, 0, 5, epsabs=1e-14)[0] / scale, rel=1e-7)


@pytest.mark.parametrize("unit", [86_400.0, 1 / 365.25], ids=["seconds", "years"])
def test_the_unit_of_time_changes_nothing(unit: float):
    x, age = np.array([0.0, 2, 40]), np.array([270.0, 30, 200])
    other = CDNOW._replace(alpha=CDNOW.alpha * unit)
    in_days = residual.betageo(CDNOW, "mbg_nbd", x, age).until(365, (0.0, 0.0003))
    in_units = residual.betageo(other, "mbg_nbd", x, age * unit).until(365 * unit, (0.0, 0.0003 / unit))
    assert in_units == pytest.approx(in_days, rel=1e-12)


@pytest.mark.parametrize("x", [300, 1_000, 5_000])
def test_whoever_buys_all_the_time(x: int):
    found = residual.betageo(CDNOW, "bg_nbd", np.array([float(x)]), np.array([float(x)])).until(520, (0.0,))[0, 0]
    # At most at their own rate, and hardly less: nobody who bought so often leaves soon.
    at_most = (CDNOW.r + x) / (CDNOW.alpha + x) * 520
    assert 0.6 * at_most < found < at_most


SHAPES = [
    (0.243, 30.9, 0.793, 2.426),
    (0.243, 30.9, 1.0, 2.4),
    (0.243, 30.9, 1e4, 3e4),
    (5, 500, 20, 1),
    (2, 3, 0.3, 8),
]


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
@pytest.mark.parametrize("of", SHAPES, ids=str)
def test_many_customers_are_foretold_as_each_is_alone(variant: Variant, of: tuple[float, float, float, float]):
    often = np.array([0.0, 1, 2, 5, 30, 300, 5_000])
    x, age = np.repeat(often, 8), np.tile([0.0, 1, 7, 40, 180, 400, 800, 3_000], 7)
    age = np.where(x > 100, age + x, age)
    for days in (1e-6, 30, 365, 3_650):
        together = residual.betageo(Parameters(*of), variant, x, age).until(days, (0.0, 0.0003))
        for place in (0, 12, 31, 47, 55):
            alone = residual.betageo(Parameters(*of), variant, x[[place]], age[[place]]).until(days, (0.0, 0.0003))
            assert together[:, place] == pytest.approx(alone[:, 0], rel=1e-10)


def test_pairs_are_the_distinct_ones_however_far_apart():
    for width in (1, 40_000):
        x, age = np.array([0.0, 3, 0, 3, 2]) * width, np.array([5.0, 5, 5, 9, 0]) * width
        often, long, place = pairs(x, age)
        assert sorted(zip(often, long, strict=True)) == sorted(set(zip(x, age, strict=True)))
        assert (often[place] == x).all()
        assert (long[place] == age).all()


def recovered(fit: object, truth: tuple[float, ...]) -> Array:
    """How many standard errors each parameter is off, in logarithms."""
    assert fit.problem is None  # type: ignore[attr-defined]
    return np.abs(np.log(fit.parameters) - np.log(truth)) / np.sqrt(np.diag(fit.covariance))  # type: ignore[attr-defined]


def test_pareto_gives_its_truth_back():
    truth, many = pareto.Parameters(0.8, 60.0, 0.9, 150.0), 8_000
    dice = np.random.default_rng(4)
    rate, until = dice.gamma(truth.r, 1 / truth.alpha, many), dice.gamma(truth.s, 1 / truth.beta, many)
    age = dice.integers(200, 700, many).astype(float)
    ends = np.minimum(dice.exponential(1 / until), age)
    times = dice.poisson(rate * ends)
    # The last of so many moments, each anywhere before the end.
    last = np.where(times > 0, ends * dice.random(many) ** (1 / np.maximum(times, 1)), 0.0)
    fit = pareto.fit(Histories(times.astype(float), last, age, np.ones(many)))
    assert recovered(fit, truth).max() < 4


def test_spend_gives_its_truth_back():
    truth, many = gamma_gamma.Parameters(6.0, 4.0, 150_000.0), 20_000
    dice = np.random.default_rng(4)
    times = dice.integers(1, 12, many).astype(float)
    means = dice.gamma(truth.p * times) / dice.gamma(truth.q, 1 / truth.v, many) / times
    assert recovered(gamma_gamma.fit(times, means), truth).max() < 4


def test_donors_give_their_truth_back():
    truth, many, occasions = discrete.Parameters(1.2, 0.75, 0.66, 2.8), 12_000, 6
    dice = np.random.default_rng(4)
    buys, leaves = dice.beta(truth.a, truth.b, many), dice.beta(truth.c, truth.d, many)
    stays = np.minimum(dice.geometric(leaves) - 1, occasions)
    bought = dice.random((many, occasions)) < buys[:, None]
    bought &= np.arange(occasions) < stays[:, None]
    last = np.where(bought.any(axis=1), occasions - np.argmax(bought[:, ::-1], axis=1), 0)
    rows, place = np.unique(np.stack((bought.sum(axis=1), last)), axis=1, return_counts=True)
    donors = Histories(rows[0].astype(float), rows[1].astype(float), np.full(len(place), 6.0), place.astype(float))
    assert recovered(discrete.fit(donors), truth).max() < 4
