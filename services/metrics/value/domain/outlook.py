"""Bands of churn risk and of value, which others act on: they change when a figure has clearly moved, and then once."""

from typing import Literal, NamedTuple

Band = Literal["low", "medium", "high"]
BANDS: tuple[Band, ...] = ("low", "medium", "high")
# Shares of risk, and parts of the mean value, at which a band ends.
RISK_ENDS = (0.33, 0.66)
VALUE_ENDS = (0.5, 2.0)
# How far beyond an end a figure must be to leave the band it is in: of a share, and as a part of a value.
RISK_SLACK = 0.03
VALUE_SLACK = 0.1
HORIZON_DAYS = 365


class Outlook(NamedTuple):
    """Of somebody: the risk that they buy nothing within a year, in per cent, and their value within it."""

    risk: Band
    risk_percent: int
    value: Band
    value_minor: int
    currency: str


def risk_band(risk: float, was: Band | None) -> Band:
    """The band of a share from 0 to 1, for somebody who was in `was`."""
    return _band(risk, RISK_ENDS, was, RISK_SLACK, RISK_SLACK)


def value_band(value: float, mean: float, was: Band | None) -> Band:
    """The band of a value where the mean of all is `mean`."""
    ends = (VALUE_ENDS[0] * mean, VALUE_ENDS[1] * mean)
    return _band(value, ends, was, VALUE_SLACK * ends[0], VALUE_SLACK * ends[1])


def _band(value: float, ends: tuple[float, float], was: Band | None, low_slack: float, high_slack: float) -> Band:
    low, high = ends
    if was == "low":
        low += low_slack
    elif was is not None:
        low -= low_slack
    if was == "high":
        high -= high_slack
    elif was is not None:
        high += high_slack
    return "low" if value < low else "high" if value >= high else "medium"
