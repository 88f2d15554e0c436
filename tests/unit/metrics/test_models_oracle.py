"""What models of buying say, against integrals worked out another way, and what holds whatever the numbers."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.metrics.domain.models import betageo, gamma_gamma, residual
from services.metrics.domain.models.betageo import Variant
from services.metrics.domain.models.histories import Array
from services.metrics.value.domain.buying import MODELS, Buying, Model

# From a moment to twenty-seven years.
TIMES = (1e-9, 1e-6, 1e-3, 26.0, 520.0, 1e4)
# Where closed forms lose their digits or have none: one and beside it, the boundary, the ordinary.
LEAVING = (0.05, 0.793, 1 - 1e-12, 1.0, 1 + 1e-9, 20.0, 1e4)
OFTEN = (0.0, 1.0, 4.0, 300.0, 1_000.0, 5_000.0)


def chances_to_leave(a: float, above: float) -> tuple[Array, Array]:
    """Values of p ~ Beta(a, above), and their weights, which sum to one: equally far apart in log-odds.

    The density dies away on both sides of its top: of such functions the trapezium rule is exact to rounding.
    """

    def density(z: Array) -> Array:
        return np.asarray(-a * np.logaddexp(0, -z) - above * np.logaddexp(0, z), dtype=np.float64)

    wide = np.linspace(-1_500.0, 1_500.0, 300_001)
    seen = density(wide)
    inside = wide[seen > seen.max() - 45]
    z = np.linspace(inside[0] - 0.01, inside[-1] + 0.01, 60_001)
    weights = np.exp(density(z) - seen.max())
    return 1 / (1 + np.exp(-np.maximum(z, -700))), weights / weights.sum()


def expected_of_the_living(chances: tuple[Array, Array], shape: float, rate: float, days: float) -> float:
    """E of (1 − e^(−λpt)) / p, over λ ~ Gamma(shape, rate): the mean over λ is (1 − (1 + pt/rate)^−shape) / p."""
    p, weights = chances
    return float(weights @ (-np.expm1(-shape * np.log1p(p * days / rate)) / p))


@pytest.mark.parametrize("variant", ["bg_nbd", "mbg_nbd"])
@pytest.mark.parametrize("a", LEAVING)
def test_what_is_to_come_is_the_integral_whatever_the_parameters(variant: Variant, a: float):
    r, alpha, b, age = 0.243, 30.9, 2.426 if a < 100 else 3e4, 5_200.0
    for x in OFTEN:
        chances = chances_to_leave(a, b + x + (variant == "mbg_nbd"))
        course = residual.betageo(betageo.Parameters(r, alpha, a, b), variant, np.array([x]), np.array([age]))
        for days in TIMES:
            # So large an `a` is the boundary, of which no fit is served: of those who buy all the time it is over at
            # once, and the nodes are laid for what goes on.
            if a < 1_000 or (x < 1_000 and days < 1_000):
                direct = expected_of_the_living(chances, r + x, alpha + age, days)
                assert course.until(days, (0.0,))[0, 0] == pytest.approx(direct, rel=1e-10), (x, days)


def buyings() -> st.SearchStrategy[Buying]:
    shape, scale = st.floats(0.05, 20), st.floats(0.5, 500)
    geo = st.tuples(shape, scale, shape, shape)
    return st.builds(
        lambda model, of, other: Buying(model, of if model != "pareto_nbd" else (*of[:3], other)),
        st.sampled_from(MODELS),
        geo,
        scale,
    )


HISTORIES = st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(1, 2_000))


def history(drawn: tuple[int, float, float]) -> tuple[Array, Array, Array]:
    x, part, age = drawn
    return np.array([float(x)]), np.array([part * age if x else 0.0]), np.array([age])


@given(buyings(), HISTORIES, st.floats(1e-3, 2_000), st.floats(1.001, 10))
def test_risks_are_chances_and_fall_with_time_given(
    buying: Buying, drawn: tuple[int, float, float], days: float, more: float
):
    of = history(drawn)
    now, soon, late = (float(buying.silent(*of, each)[0]) for each in (0.0, days, days * more))
    assert now == pytest.approx(1, abs=1e-12)
    assert 0 <= late <= soon + 1e-9
    assert soon <= 1 + 1e-9
    # Nobody is surer to buy than to be there.
    assert 1 - late <= float(buying.alive(*of)[0]) + 1e-9


@given(buyings(), HISTORIES, st.floats(1, 2_000))
def test_silence_makes_nobody_likelier_to_buy(buying: Buying, drawn: tuple[int, float, float], wait: float):
    x, t, age = history(drawn)
    # Of BG/NBD who bought once is alive for certain, and only seems to buy less often.
    assert buying.silent(x, t, age + wait, 90)[0] >= buying.silent(x, t, age, 90)[0] - 1e-9


@example(Buying("bg_nbd", (1.0, 1.0, 1.0, 2.0)), (98, 0.0, 1.0), 32.0, 3.0, 0.001953125, 0.0)
@given(buyings(), HISTORIES, st.floats(1e-3, 2_000), st.floats(1.001, 10), st.floats(0, 0.002), st.floats(0, 0.002))
def test_purchases_grow_with_time_and_shrink_with_discount(
    buying: Buying, drawn: tuple[int, float, float], days: float, more: float, one: float, other: float
):
    x, _, age = history(drawn)
    assume(abs(one - other) > 1e-9)
    low, high = sorted((one, other))
    assert buying.ahead(x, age, 0.0, (0.0, high)).tolist() == [[0.0], [0.0]]
    short, plain = (float(buying.ahead(x, age, each, (low,))[0, 0]) for each in (days, days * more))
    dear = float(buying.ahead(x, age, days * more, (high,))[0, 0])
    # Whoever will soon be gone has bought all they will: then both are the same, to what nodes that are laid for a
    # long time say of what is over at once.
    assert 0 < short <= plain * (1 + 1e-6)
    assert 0 < dear <= plain * (1 + 1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_whoever_bought_thousands_of_times_and_fell_silent_is_gone(model: Model):
    """A power of the ratio of times would be beyond every float."""
    buying = Buying(model, (0.5, 3.0, 0.8, 2.5))
    x, t, age = np.array([5_000.0]), np.array([100.0]), np.array([20_000.0])
    assert buying.alive(x, t, age)[0] == pytest.approx(0, abs=1e-12)
    assert buying.silent(x, t, age, 365)[0] == pytest.approx(1, abs=1e-12)
    assert buying.alive(x, age, age)[0] > 0.9


@pytest.mark.parametrize("unit", [1e-6, 1.0, 25_000.0], ids=["millionths", "dollars", "dong"])
def test_a_top_is_known_by_its_slope_and_not_by_how_the_search_ended(unit: float):
    dice = np.random.default_rng(11)
    repeats = dice.integers(1, 12, 3_000).astype(float)
    means = unit * dice.gamma(6 * repeats) / dice.gamma(4, 1 / 15.4, 3_000) / repeats
    found = gamma_gamma.fit(repeats, means)
    assert found.problem is None
    p, q, v = found.parameters
    likelihood = gamma_gamma.likelihood_of(repeats, means / unit, np.ones(3_000))
    value, slope, curve = likelihood(np.array([p, q, v / unit]))
    # By logarithms of parameters, per person: nothing is to be gained any more, and all around it goes down.
    assert np.abs(slope * (p, q, v / unit)).max() / 3_000 < 1e-7
    assert (np.linalg.eigvalsh(curve) < 0).all()
    assert np.isfinite(value)
