"""Red, green, and what cannot be said: a figure against its target, as sure as its interval is."""

from typing import Literal

from services.metrics.domain.intervals import Interval

Light = Literal["met", "missed", "cannot_say", "no_target"]
Better = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "unclear", "same"]


def light(value: float | None, interval: Interval | None, target: float | None, better: Better) -> Light:
    """Whether a figure meets its target.

    With an interval it does, or does not, only if the whole interval lies on that side; where the target lies within,
    nobody can say. Without one the figure is a count of all there is, and the value alone decides. To meet a target
    exactly is to meet it.
    """
    if target is None:
        return "no_target"
    if value is None:
        return "cannot_say"
    low, high = (value, value) if interval is None else (interval.low, interval.high)
    if better == "lower":
        low, high, target = -high, -low, -target
    if low >= target:
        return "met"
    return "missed" if high < target else "cannot_say"


def verdict(difference: float | None, is_significant: bool | None, better: Better) -> Verdict | None:
    """Whether a change is for the better; None where there is none to speak of.

    A change of a figure with an interval that chance alone would make is unclear; one of a count of all is what it is.
    """
    if difference is None:
        return None
    if not difference:
        return "same"
    if is_significant is False:
        return "unclear"
    return "better" if (difference > 0) == (better == "higher") else "worse"
