"""How near somebody is to the next tier: worth telling others from three quarters of the way on."""

from datetime import datetime
from typing import Literal, NamedTuple

from services.loyalty.tiers.domain.grants import Standing
from services.loyalty.tiers.domain.track import ByBalance, ByMetric, ByPoints, BySpend, Measure

NEAR_SHARE = 0.75


class Near(NamedTuple):
    """So much more, of the threshold, reaches a tier."""

    tier: str
    missing: int
    threshold: int


def near(standing: Standing, at: datetime) -> Near | None:
    """The next tier, if it is near; None also for who has done nothing yet, and for a figure of the firm's own, for
    which who hears of it would have no word."""
    if standing.walk.track is not None and type(standing.walk.track.measure) is ByMetric:
        return None
    measured = standing.walk.measured(at)
    level = standing.above(at) if measured > 0 else None
    if level is None or not NEAR_SHARE * level.threshold <= measured < level.threshold:
        return None
    return Near(level.key, level.threshold - measured, level.threshold)


def unit(measure: Measure) -> tuple[Literal["points", "spend", "orders"], str | None]:
    """What a track measures, and the currency of money."""
    if isinstance(measure, BySpend):
        return "spend", measure.currency
    return ("points" if isinstance(measure, ByPoints | ByBalance) else "orders"), None
