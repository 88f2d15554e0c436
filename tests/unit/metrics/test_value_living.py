"""What everybody is worth is read from sums by frequency and age: the same as customer by customer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.models import gamma_gamma
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.worth import Base, Living, Question, Worth, worth, worths

DAY = 20_000
MODELS = (
    Buying("bg_nbd", (0.2426, 30.8952, 0.7929, 2.4259)),
    Buying("mbg_nbd", (0.5244, 43.1, 0.89, 1.61)),
    Buying("pareto_nbd", (0.5533, 74.0, 0.6062, 81.6)),
)
SPENDING = gamma_gamma.Parameters(6.25, 3.74, 15_440.0)


def people(seed: int, rows: int) -> Base:
    """Histories of a firm of three years; several have the same frequency and first day, but not the last."""
    dice = np.random.default_rng(seed)
    first = DAY - dice.integers(0, 40, rows) * 27
    repeats = np.minimum(dice.integers(0, 6, rows), DAY - first)
    last = np.where(repeats, np.minimum(DAY, first + repeats + dice.integers(0, 900, rows)), first)
    customers = dice.integers(1, 50, rows)
    money = repeats * customers * dice.integers(1_000, 90_000, rows)
    return Base(*(each.astype(np.float64) for each in (repeats, first, last, customers, money)))


def one_by_one(base: Base, buying: Buying, asked: Question, margin: float) -> Worth:
    """The same of each history alone: by no table, and by when they bought last."""
    x, recency, age = base.repeats, base.last_day - base.first_day, asked.day - base.first_day
    alive = buying.alive(x, recency, age)
    plain, kept = alive * replace(buying.course(x, age), grid=None).until(asked.horizon_days, (0.0, asked.per_day))
    active = buying.active(x, recency, age, asked.horizon_days, alive)
    means = base.repeat_minor / np.maximum(x * base.customers, 1)
    spend = gamma_gamma.expected(SPENDING, x, means)
    of_each = (np.ones(len(x)), alive, active, plain, kept, kept * spend * margin)
    return Worth(*(float((base.customers * each).sum()) for each in of_each))


@pytest.mark.parametrize("buying", MODELS, ids=lambda each: each.model)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(1, 400),
    horizon=st.integers(1, 3_650),
    discount=st.sampled_from((0.0, 0.1, 0.5)),
)
def test_any_time_ahead_is_read_from_the_same_sums(buying: Buying, seed: int, rows: int, horizon: int, discount: float):
    """INVARIANT: sums by frequency and age say what each history says, for any horizon and discount, also as kept."""
    base, asked = people(seed, rows), Question(DAY, horizon, discount)

    living = Living.of(base, buying, SPENDING, DAY)

    assert len(living.repeats) <= len({*zip(base.repeats, base.first_day, strict=True)})
    expected = one_by_one(base, buying, asked, 0.4)
    found = Living.read(living.document()).worth(buying, asked, 0.4)
    assert found == pytest.approx(expected, rel=1e-9)
    assert worth(base, buying, SPENDING, asked, 0.4) == pytest.approx(expected, rel=1e-9)
    group = np.arange(rows) % 3
    parts = worths(base, group, 3, buying, SPENDING, asked, 0.4)
    assert [sum(each) for each in zip(*parts, strict=True)] == pytest.approx(expected, rel=1e-9)
