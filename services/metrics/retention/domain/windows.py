"""How long a silence is leaving: every inactivity window has a share of customers whom it declares lapsed wrongly.

A customer lapses `w` days after a purchase that none follows on any of those days. The share is that of lapses after
which the customer buys again within the horizon, by Kaplan-Meier: a lapse of yesterday is watched for one day, and says
nothing of the days after. One customer may lapse several times; each time counts, and the interval is widened for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.metrics.retention.domain.reasons import (
    MIN_CAME_BACK,
    MIN_CUSTOMERS,
    MIN_HISTORY_DAYS,
    MIN_WATCHED,
    Reason,
)
from services.metrics.retention.domain.survival import Curve, LeftOut, Share

WINDOWS = (7, 14, 21, 30, 45, 60, 75, 90, 120, 150, 180, 240, 300, 365, 450, 540, 730, 1095)
MAX_HORIZON_DAYS = 365
# Shorter than that is no time to come back in.
MIN_HORIZON_DAYS = 14


class Asked(NamedTuple):
    """What is wanted of a window.

    `share`: so many of the returns that are ever seen have come by then; or, where it is given, `at_most`: of those
    declared lapsed, no more come back within `horizon_days` (None: a year, or half of what was watched, or what is left
    of it after the window, whichever is least).
    """

    share: float = 0.9
    at_most: float | None = None
    horizon_days: int | None = None


class Candidate(NamedTuple):
    """A window, and how often it is wrong; None: it cannot be said, as nobody was watched for so long."""

    days: int
    false_churn: Share | None


@dataclass(frozen=True, slots=True)
class Advice:
    """The window that is recommended, with the days between which it lies, and the curve it was chosen from.

    `watched_days` is the longest silence that enough were watched for; `reasons` say why there is no recommendation.
    """

    asked: Asked
    horizon_days: int | None
    watched_days: int
    silences: int
    returns: int
    recommended: Candidate | None
    low_days: int | None
    high_days: int | None
    candidates: Sequence[Candidate]
    reasons: tuple[Reason, ...]


def advise(
    curve: Curve, customers: int, asked: Asked, also: Sequence[int] = (), left_out: LeftOut | None = None
) -> Advice:
    """The window for silences that last so; `also` are windows to look at besides, `left_out` widens intervals."""
    watched = curve.watched(MIN_WATCHED)
    returns = int(curve.ended.sum())
    reasons = _missing(customers, returns, watched)
    horizon = asked.horizon_days or min(MAX_HORIZON_DAYS, watched // 2)
    if not reasons and horizon >= watched:
        reasons = ("horizon_too_long",)
    if reasons:
        unknown = [Candidate(days, None) for days in sorted({*WINDOWS, *also})]
        return Advice(asked, None, watched, curve.number, returns, None, None, None, unknown, reasons)
    days, low, high = _chosen(curve, asked, horizon, watched, left_out)
    if asked.horizon_days is None and days is not None:
        horizon = max(MIN_HORIZON_DAYS, min(horizon, watched - days))
    longest = watched - horizon
    if days is None:
        reasons = ("never_so_low",)
    elif days > longest:
        reasons = ("horizon_too_long",)
    shown = {each for each in WINDOWS if each <= longest} | set(also) | ({days} if days and not reasons else set())
    candidates = [Candidate(each, false_churn(curve, each, horizon, watched, left_out)) for each in sorted(shown)]
    recommended = None if reasons else next(each for each in candidates if each.days == days)
    return Advice(
        asked, horizon, watched, curve.number, returns, recommended, *_within(reasons, low, high), candidates, reasons
    )


def _within(reasons: Sequence[Reason], low: int | None, high: int | None) -> tuple[int | None, int | None]:
    return (None, None) if reasons else (low, high)


def false_churn(curve: Curve, window: int, horizon: int, watched: int, left_out: LeftOut | None) -> Share | None:
    """Of those declared lapsed after `window` days, the share that buys again within the `horizon` days after."""
    if window + horizon > watched:
        return None
    return curve.ended_by(window + horizon, after=window, left_out=left_out)


def _missing(customers: int, returns: int, watched: int) -> tuple[Reason, ...]:
    found: list[Reason] = []
    if customers < MIN_CUSTOMERS:
        found.append("too_few_customers")
    if returns < MIN_CAME_BACK:
        found.append("too_few_came_back")
    if watched < MIN_HISTORY_DAYS:
        found.append("too_short_history")
    return tuple(found)


def _chosen(
    curve: Curve, asked: Asked, horizon: int, watched: int, left_out: LeftOut | None
) -> tuple[int | None, int | None, int | None]:
    """The window, and the days between which it lies where that can be said."""
    if asked.at_most is None:
        # Of all that come back as long as anybody looks, this share has.
        length = curve.length(asked.share * float(1 - curve.lasting[watched]), left_out)
        return (None, None, None) if length is None else (max(1, length.days), max(1, length.low), length.high)
    windows = np.arange(1, watched - horizon + 1)
    shares = 1 - curve.lasting[windows + horizon] / curve.lasting[windows]
    for window in windows[shares <= asked.at_most].tolist():
        share = false_churn(curve, window, horizon, watched, left_out)
        if share is not None and share.interval.high <= asked.at_most:
            return window, None, None
    return None, None, None
