"""Bands that do not flap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.value.domain.outlook import BANDS, RISK_ENDS, RISK_SLACK, Band, risk_band, value_band


def test_whoever_is_new_is_banded_by_the_ends_alone():
    assert [risk_band(risk, None) for risk in (0, 0.329, 0.33, 0.659, 0.66, 1)] == [
        *("low", "low", "medium", "medium", "high", "high")
    ]
    assert [value_band(value, 100.0, None) for value in (0, 49, 50, 199, 200, 10_000)] == [
        *("low", "low", "medium", "medium", "high", "high")
    ]


def test_a_band_is_left_only_clearly():
    assert [risk_band(risk, "low") for risk in (0.34, 0.359, 0.361)] == ["low", "low", "medium"]
    assert [risk_band(risk, "medium") for risk in (0.31, 0.299, 0.68, 0.691)] == ["medium", "low", "medium", "high"]
    assert [risk_band(risk, "high") for risk in (0.64, 0.629)] == ["high", "medium"]
    assert [value_band(value, 100.0, "high") for value in (185, 179)] == ["high", "medium"]


@given(st.sampled_from((None, *BANDS)), st.sampled_from(RISK_ENDS), st.lists(st.floats(-0.999, 0.999), min_size=2))
def test_noise_around_an_end_changes_a_band_once_at_most(band: Band | None, end: float, noise: list[float]):
    seen = []
    for each in noise:
        band = risk_band(end + each * RISK_SLACK, band)
        seen.append(band)

    assert sum(one != other for one, other in pairwise(seen)) == 0
