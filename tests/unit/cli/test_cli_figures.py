"""Figures as people read them at the terminal."""

from typing import Any

import pytest

from services.cli.figures import spark, value_of


def figure(value: Any, unit: str, currency: str | None = None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "currency": currency}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (figure(69_659, "orders"), "69,659"),
        (figure("2500315.63", "money", "USD"), "2,500,315.63 USD"),
        (figure("250000", "money", "VND"), "250,000 VND"),
        (figure("0.100", "money", "KWD"), "0.100 KWD"),
        (figure(0.49478, "ratio"), "49.5%"),
        (figure(None, "ratio"), "–"),
        (figure("1998-06-30", "date"), "1998-06-30"),
    ],
)
def test_a_value_is_shown_with_its_unit(given: dict[str, Any], shown: str):
    assert value_of(given) == shown


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0.0, 0.0], "▁▁"), ([1.0, 8.0], "▂█"), ([-1.0, 4.0, 2.0], "▁█▅")]
)
def test_a_line_of_bars(values: list[float], line: str):
    assert spark(values) == line
