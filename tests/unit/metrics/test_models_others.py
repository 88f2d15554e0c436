"""Pareto/NBD, Gamma-Gamma, sBG, BdW and BG/BB against the papers' digits, and each likelihood's derivatives."""

from collections.abc import Callable

import numpy as np
import pytest
from published import WEEK, cdnow, donations
from scipy.special import hyp2f1

from services.metrics.domain.models import betageo, contract, discrete, gamma_gamma, pareto, residual
from services.metrics.domain.models.histories import Array, Histories

# Schmittlein, Morrison, Colombo on CDNOW's sample, as Fader, Hardie and Lee print it, and as BTYD's walkthrough does.
PAPER = pareto.Parameters(0.553, 10.578, 0.606, 11.669)
BTYD = pareto.Parameters(0.5533971, 10.5801985, 0.6060625, 11.6562237)
SPEND = gamma_gamma.Parameters(6.25, 3.74, 15.44)


def one(*values: float) -> list[Array]:
    return [np.array([value], float) for value in values]


def expected(of: pareto.Parameters, x: float, t: float, age: float, ahead: float) -> float:
    return float(pareto.alive(of, *one(x, t, age))[0] * residual.pareto(of, *one(x, age)).until(ahead, (0.0,))[0, 0])


def test_pareto_is_fitted_to_the_published_digits():
    base = cdnow()
    fit = pareto.fit(base.histories)

    r, alpha, s, beta = fit.parameters
    assert [round(each, 3) for each in (r, alpha / WEEK, s, beta / WEEK)] == [0.553, 10.578, 0.606, 11.669]
    assert round(fit.log_likelihood + base.repeats.sum() * np.log(WEEK), 3) == -9594.976
    errors = fit.standard_errors
    assert errors is not None
    in_weeks = (errors[0], errors[1] / WEEK, errors[2], errors[3] / WEEK)
    assert in_weeks == pytest.approx((0.0476264, 0.8427222, 0.1872594, 6.2105448), rel=5e-4)


def test_what_pareto_expects_of_new_and_of_known_customers():
    weeks = np.arange(1.0, 10)
    found = residual.pareto(PAPER, *one(0, 0)).cumulated(weeks)[0]
    r, alpha, s, beta = PAPER
    closed = r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + weeks)) ** (s - 1))
    assert found == pytest.approx(closed, rel=1e-12)
    assert expected(BTYD, 26, 216 / 7, 31, 52) == pytest.approx(25.45647, rel=1e-4)
    assert pareto.alive(BTYD, *one(26, 216 / 7, 31))[0] == pytest.approx(0.997874, abs=1e-5)
    assert pareto.alive(BTYD, *one(0, 0, 39))[0] == pytest.approx(0.2941633, abs=3e-4)
    paradox = [expected(BTYD, x, 20, 39, 52) for x in (10, 15, 20, 25)]
    assert paradox == pytest.approx([0.7062289, 0.1442396, 0.02250658, 0.00309267], rel=2e-3)


@pytest.mark.parametrize(("x", "t", "age"), [(0, 0, 39), (2, 30.43, 38.86), (26, 30.857, 31), (7, 10, 39)])
@pytest.mark.parametrize("of", [PAPER, pareto.Parameters(0.5, 12.0, 0.7, 8.0)], ids=["alpha below", "alpha above"])
def test_the_integral_is_the_textbooks_difference(of: pareto.Parameters, x: float, t: float, age: float):
    r, alpha, s, beta = of

    def part(y: float) -> float:
        if alpha >= beta:
            return hyp2f1(r + s + x, s + 1, r + s + x + 1, (alpha - beta) / (alpha + y)) / (alpha + y) ** (r + s + x)
        return hyp2f1(r + s + x, r + x, r + s + x + 1, (beta - alpha) / (beta + y)) / (beta + y) ** (r + s + x)

    alive = (alpha + age) ** -(r + x) * (beta + age) ** -s
    textbook = alive / (alive + s / (r + s + x) * (part(t) - part(age)))

    assert pareto.alive(of, *one(x, t, age))[0] == pytest.approx(textbook, rel=1e-10)


def test_rows_on_which_other_implementations_give_no_number():
    of = pareto.Parameters(0.5143, 2.8845, 0.2856, 14.1087)
    rows = np.array([(221, 103.43, 103.57), (254, 97.14, 97.29), (161, 94.71, 98.0), (204, 98.57, 99.43)])
    often = np.array([(x, x - 0.5, float(x)) for x in (400, 450, 500, 5_000)])
    for x, t, age in (rows.T, often.T):
        found = pareto.alive(of, x, t, age)
        assert np.isfinite(found).all()
        assert ((found > 0) & (found <= 1)).all()
        value, gradient, hessian = pareto.log_likelihood(Histories(x, t, age, np.ones(4)), np.array(of))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()


def test_spend_is_fitted_to_the_published_digits():
    base = cdnow()
    bought = (base.repeats > 0) & (base.means > 0)
    fit = gamma_gamma.fit(base.repeats[bought], base.means[bought])

    assert [round(each, 2) for each in fit.parameters] == [6.25, 3.74, 15.45]
    assert round(fit.log_likelihood, 1) == -4055.9
    assert round(SPEND.mean, 1) == 35.2
    found = gamma_gamma.expected(SPEND, base.repeats[:10], base.means[:10])
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert found == pytest.approx(published, abs=0.1)


def test_spend_in_dong_is_spend_in_dollars():
    base = cdnow()
    bought = (base.repeats > 0) & (base.means > 0)
    dollars = gamma_gamma.fit(base.repeats[bought], base.means[bought])
    dong = gamma_gamma.fit(base.repeats[bought], base.means[bought] * 25_400)

    assert dong.parameters[:2] == pytest.approx(dollars.parameters[:2], rel=1e-8)
    assert dong.parameters[2] / 25_400 == pytest.approx(dollars.parameters[2], rel=1e-8)


@pytest.mark.parametrize("means", [np.full(40, 20.0), np.array([*[5.0] * 39, 4e9])], ids=["all alike", "one whale"])
def test_spend_that_says_nothing_is_not_identified(means: Array):
    fit = gamma_gamma.fit(np.full(40, 3.0), means)
    assert fit.problem is not None
    assert np.isfinite(fit.parameters).all()


HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


@pytest.mark.parametrize(
    ("cohort", "published"), [(HIGH_END, (0.668, 3.806)), (REGULAR, (0.704, 1.182))], ids=["high end", "regular"]
)
def test_subscriptions_are_fitted_to_the_published_digits(cohort: list[int], published: tuple[float, float]):
    fit = contract.fit(-np.diff(cohort), cohort[-1])
    assert tuple(round(each, 3) for each in fit.parameters) == published


def test_survival_is_the_published_table():
    fit = contract.fit(-np.diff(HIGH_END), HIGH_END[-1])
    found = contract.survival(contract.Parameters(*fit.parameters), np.arange(13.0)) * 100
    published = [100, 85.07, 74.69, 66.98, 60.99, 56.18, 52.22, 48.89, 46.04, 43.58, 41.42, 39.51, 37.80]
    assert [round(float(each), 2) for each in found] == published


def test_leaving_that_changes_with_time_fits_at_least_as_well():
    # Bin by bin, what happened later: 46.8, 44.5, 42.7, 40.9, 39.4 per cent.
    both = [contract.fit(-np.diff(HIGH_END), HIGH_END[-1], with_time=each) for each in (False, True)]
    later = np.array([8.0, 9, 10, 11, 12])
    actual = np.array([0.468, 0.445, 0.427, 0.409, 0.394])
    errors = [np.abs(contract.survival(contract.Parameters(*each.parameters), later) - actual).max() for each in both]

    assert both[1].log_likelihood > both[0].log_likelihood
    assert errors[1] < errors[0] < 0.02


def test_cohorts_of_several_ages_are_fitted_together():
    truth = contract.Parameters(0.8, 2.5)
    share = contract.survival(truth, np.arange(9.0)) * 1e6
    cohorts = [(-np.diff(share[: age + 1]), share[age]) for age in (3, 5, 8)]
    assert contract.fit_cohorts(cohorts).parameters == pytest.approx(truth[:2], rel=1e-6)


def test_residual_lifetime_is_its_closed_form():
    of = contract.Parameters(0.668, 3.806)
    a, b, renewed, discount = of.a, of.b, 3, 0.1
    # Fader, Hardie (2010), Customer-Base Valuation in a Contractual Setting.
    closed = (b + renewed) / (a + b + renewed) * hyp2f1(1, b + renewed + 1, a + b + renewed + 1, 1 / (1 + discount))
    assert contract.residual(of, renewed, discount) == pytest.approx(closed / (1 + discount), rel=1e-9)


def test_donors_are_fitted_to_the_published_digits():
    donors = donations()
    fit = discrete.fit(donors)

    assert donors.total == 11_104
    assert [round(each, 3) for each in fit.parameters] == [1.204, 0.75, 0.657, 2.783]
    assert round(fit.log_likelihood, 1) == -33225.6
    of = discrete.Parameters(*fit.parameters)
    # The paper's table of P(alive in 2002) and of repeats expected in 2002-2006, at its corners.
    assert discrete.alive(of, *one(0, 0, 6))[0] == pytest.approx(0.11, abs=0.005)
    assert discrete.alive(of, *one(6, 6, 6))[0] == pytest.approx(0.93, abs=0.005)
    assert discrete.expected(of, *one(0, 0, 6), ahead=5)[0] == pytest.approx(0.07, abs=0.005)
    assert discrete.expected(of, *one(6, 6, 6), ahead=5)[0] == pytest.approx(3.75, abs=0.005)


def slopes_agree(likelihood: Callable[[Array], tuple[float, Array, Array]], theta: Array) -> None:
    """Gradient and Hessian against central differences."""
    _, gradient, hessian = likelihood(theta)
    for i, step in enumerate(np.diag(theta * 1e-5)):
        above, below = likelihood(theta + step), likelihood(theta - step)
        width = 2 * step[i]
        assert (above[0] - below[0]) / width == pytest.approx(gradient[i], rel=1e-5, abs=1e-4)
        assert (above[1] - below[1]) / width == pytest.approx(hessian[i], rel=1e-5, abs=1e-4)


def test_every_gradient_and_hessian_is_that_of_its_likelihood():
    base = cdnow()
    bought = (base.repeats > 0) & (base.means > 0)
    renewals = np.arange(4.0), np.array([1, 2, 3, np.inf]), np.array([100.0, 50, 30, 200])

    slopes_agree(betageo.likelihood_of(base.histories, "bg_nbd"), np.array([0.3, 30, 0.7, 2]))
    slopes_agree(betageo.likelihood_of(base.histories, "mbg_nbd"), np.array([0.3, 30, 0.7, 0.5]))
    slopes_agree(lambda theta: pareto.log_likelihood(base.histories, theta), np.array([0.5, 70, 0.6, 80]))
    slopes_agree(
        gamma_gamma.likelihood_of(base.repeats[bought], base.means[bought], np.ones(bought.sum())),
        np.array([5, 3, 14.0]),
    )
    slopes_agree(contract.likelihood_of(*renewals), np.array([0.7, 3, 1.3]))
    slopes_agree(lambda theta: discrete.log_likelihood(donations(), theta), np.array([1.1, 0.8, 0.6, 2]))
