"""What is told of a segment: nothing where its interval is so wide that no reader could hold it."""

import numpy as np
import pytest

from services.metrics.value.domain.answers import Valued
from services.metrics.value.domain.telling import telling
from services.metrics.value.domain.worth import Base, Worth
from shared.money import MAX_MINOR

DAY = 20_778
TWO = {"VND": Base(*(np.array([float(each)]) for each in (3, DAY - 300, DAY - 10, 2, 900_000)))}


@pytest.mark.parametrize("spread", [0.1, 3.0, 20.0, 60.0], ids=str)
def test_a_value_without_an_upper_end_is_not_told(spread: float):
    told = telling(TWO, DAY, "VND", Valued(Worth(2, 1.5, 1.2, 4.0, 3.8, 2_000_000.0), 0.1, spread))

    assert (told.customers, told.lapsed_hundredths) == (2, 0)
    if 1_000_000 * np.exp(spread) <= MAX_MINOR:
        assert (told.valued, told.clv_minor, told.currency) == (2, 1_000_000, "VND")
        assert told.clv_low_minor < told.clv_minor < told.clv_high_minor <= MAX_MINOR
    else:
        assert (told.valued, told.clv_minor, told.clv_high_minor, told.currency) == (0, 0, 0, None)
