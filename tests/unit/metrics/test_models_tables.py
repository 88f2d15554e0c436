"""Many customers are foretold by products of matrices: these give the digits of the functions that they stand for."""

from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp2f1

from services.metrics.domain.models import hypergeometric, residual
from services.metrics.domain.models.betageo import Parameters, Variant
from services.metrics.domain.models.histories import Array, numbered, product
from services.metrics.domain.models.interpolation import LONGEST, Points

Z = np.array([0.92, 0.62, 0.5, 0.1, 1e-3, 1e-12])
FREQUENCIES = np.array([0.0, 1, 2, 3, 29, 300, 5_000])


@pytest.mark.parametrize("a", [0.05, 0.793, 1.0, 2.5, 9.0])
@pytest.mark.parametrize("b", [0.0, 1e-9, 0.7, 2.0, 40.0, 1_000.0])
def test_the_power_series_of_all_frequencies_is_the_function(a: float, b: float):
    c = b + 1.24 + FREQUENCIES
    z = Z if a <= 1 else Z[1:]
    found = hypergeometric.table(a, b, c, z)
    assert found is not None
    assert found == pytest.approx(hyp2f1(a, b, c[:, None], z), rel=1e-12)


def test_the_power_series_is_what_closed_forms_say():
    found = hypergeometric.table(1, 1, np.array([1.0, 2.0]), Z)
    assert found is not None
    assert found[0] == pytest.approx(1 / (1 - Z), rel=1e-13)
    assert found[1] == pytest.approx(-np.log1p(-Z) / Z, rel=1e-13)


@pytest.mark.parametrize(
    ("r", "a", "b"), [(1.0, 1.0, 2.0), (2.0, 1.0, 1.5), (0.5, 0.5, 3.0), (0.243, 0.793, 2.426)], ids=str
)
def test_of_whole_numbers_too_the_function_is_the_sum_of_its_terms(r: float, a: float, b: float):
    """Of r - a that is whole scipy's function has no number where somebody bought often and much time is looked at."""
    often, ahead = np.array([0.0, 40, 98, 160]), np.array([1e-6, 0.3, 5.0, 11.0, 50.0, 400.0])
    n, c = r + often + 1, a + b + often
    found = hypergeometric.falling(n, a, c, np.broadcast_to(ahead, (len(often), len(ahead))))
    for row, (first, last) in enumerate(zip(n.tolist(), c.tolist(), strict=True)):
        for column, w in enumerate(ahead.tolist()):
            expected = (1 + w) ** -a * series(a, last - first, last, w / (1 + w))
            assert found[row, column] == pytest.approx(expected, rel=1e-11), (r, a, b, first, w)


def series(a: float, b: float, c: float, z: float) -> float:
    """2F1(a, b; c; z) term by term, all of which have one sign but for the first."""
    terms = [1.0]
    for step in range(60_000):
        terms.append(terms[-1] * (a + step) * (b + step) / ((1 + step) * (c + step)) * z)
    return fsum(terms)


@pytest.mark.parametrize(
    ("a", "b", "z"), [(0.8, -0.1, 0.5), (0.8, 2.0, 0.9999), (500.0, 2.0, 0.5)], ids=["cancels", "near one", "steep"]
)
def test_no_series_that_cancels_or_does_not_end(a: float, b: float, z: float):
    assert hypergeometric.table(a, b, b + 1 + FREQUENCIES, np.array([z, z / 2])) is None


@pytest.mark.parametrize("number", [4, 18, 37, LONGEST])
def test_polynomials_are_read_exactly_between_the_points_and_at_them(number: int):
    points = Points.of(number)
    at = np.concatenate((np.linspace(-1, 1, 41), points.places, np.nextafter(points.places, 2)))
    assert points.shares(at, np.ones(len(at))).sum(axis=0) == pytest.approx(np.ones(len(at)), rel=1e-13)
    for power in (0, 1, number - 1):
        value = np.polynomial.chebyshev.Chebyshev.basis(power)
        found = value(points.places) @ points.shares(at, np.full(len(at), 2.0))
        assert found == pytest.approx(2 * value(at), abs=1e-12)
        whole = value.integ(lbnd=-1)
        assert value(points.places) @ points.means == pytest.approx(
            whole(points.places) / (1 + points.places), abs=1e-12
        )


def test_a_function_that_is_not_said_by_so_many_points_shows_in_its_last_terms():
    points = Points.of(18)
    smooth, rough = np.exp(points.places), 1 / (1 + 100 * points.places**2)
    last, other, first = np.abs(np.stack((smooth, rough)) @ points.ends).T
    assert (np.maximum(last, other) / first > 1e-13).tolist() == [False, True]
    assert first[0] == pytest.approx(np.sinh(1), rel=0.1)


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
@given(
    st.floats(0.05, 5),
    st.floats(0.5, 500),
    st.floats(0.05, 20),
    st.floats(0.05, 200),
    st.floats(0.1, 2_000),
    st.sampled_from((0.0, 1 / 3)),
)
def test_whoever_is_in_a_table_is_foretold_as_alone(
    variant: Variant, r: float, alpha: float, a: float, b: float, days: float, begins: float
):
    """INVARIANT: whoever is foretold together with many others is foretold the same.

    To nine digits: where all parameters are whole numbers, the function that is alone asked for each has no more.
    """
    x = np.repeat(FREQUENCIES, 20)
    age = x + np.tile(np.arange(20.0) ** 2 * 3, len(FREQUENCIES))
    course = residual.betageo(Parameters(r, alpha, a, b), variant, x, age)
    found = course.tabled(days, (0.0, 0.0003), days * begins)
    if found is not None:
        alone = residual.Course(course.flow, course.scale).until(days, (0.0, 0.0003), days * begins)
        assert found == pytest.approx(alone, rel=1e-9)


# Purchases of somebody alive within so many days, by the closed form with 60 digits (mpmath 1.4.1): of who bought 0, 2
# and 29 times again in 0, 180 and 735 days.
EXACT: list[tuple[tuple[float, ...], Variant, float, tuple[float, ...]]] = [
    ((0.2426, 30.8952, 0.7929, 2.4259), "bg_nbd", 360, (1.4338333683752415, 2.8381258131412597, 11.828579312235886)),
    (
        (0.2426, 30.8952, 0.7929, 2.4259),
        "bg_nbd",
        1e-6,
        (7.8523524300932952e-9, 1.0633717587601015e-8, 3.8180941708201868e-8),
    ),
    ((0.5244, 43.1, 0.89, 1.61), "mbg_nbd", 365, (2.2109061889030026, 2.9635708616799611, 11.709408614370018)),
    ((1, 11, 1, 67), "mbg_nbd", 128, (10.125010657210806, 1.973649411007079, 5.0127170953464267)),
    ((0.5, 40, 3, 100), "bg_nbd", 3_650, (18.382217577654513, 23.206423201000025, 49.751255892787829)),
    ((2, 3, 0.3, 8), "mbg_nbd", 30, (15.639427358444579, 0.64883855322025694, 1.2538357469507714)),
]


@pytest.mark.parametrize(("of", "variant", "days", "expected"), EXACT)
def test_a_table_gives_twelve_digits(of: tuple[float, ...], variant: Variant, days: float, expected: tuple[float, ...]):
    x, age = np.tile([0.0, 2, 29], 20), np.tile([0.0, 180, 735], 20)
    found = residual.betageo(Parameters(*of), variant, x, age).tabled(days, (0.0,))
    assert found is not None, "these are few frequencies of many customers"
    assert found[0] == pytest.approx(np.tile(expected, 20), rel=1e-12)


@pytest.mark.parametrize(
    "values", [[3.0, 0, 3, 7], [0.0], [], [5e6, 1, 5e6], [0.5, 0.25, 0.5]], ids=["few", "one", "none", "far", "broken"]
)
def test_distinct_values_are_numbered_in_order(values: list[float]):
    distinct, place = numbered(np.array(values))
    assert distinct.tolist() == sorted(set(values))
    assert distinct[place].tolist() == values


@pytest.mark.parametrize("columns", [1, 5, 4_000])
def test_a_product_in_pieces_is_the_product(columns: int):
    dice = np.random.default_rng(2)
    one, other = dice.random((30, 40)), dice.random((40, columns))
    expected: Array = np.einsum("ij,jk->ik", one, other)
    assert product(one, other) == pytest.approx(expected, rel=1e-13)
