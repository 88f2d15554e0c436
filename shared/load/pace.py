"""When acts are due: open-loop, at random around a rate that may go up and down with the hours of a day."""

import math
import random
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
# Of a mean hour, by local hour: asleep at four, lunch, and most in the evening.
_HOURS = (
    *(0.55, 0.30, 0.17, 0.12, 0.12, 0.20, 0.45, 0.75, 1.00, 1.15, 1.25, 1.35),
    *(1.45, 1.25, 1.15, 1.15, 1.20, 1.25, 1.30, 1.55, 1.85, 1.95, 1.50, 0.96),
)


def of_hour(at: datetime) -> float:
    """How busy a shop is at a moment, with the mean over a day being 1; between full hours it is interpolated."""
    local = at.astimezone(ZONE)
    hour = local.hour + local.minute / 60
    before, share = int(hour), hour - math.floor(hour)
    curve = _HOURS[before] * (1 - share) + _HOURS[(before + 1) % 24] * share
    return curve * 24 / sum(_HOURS)


def gap(chance: random.Random, weight: int, rate: float, shape: float) -> float:
    """Seconds until the next act is due, after one of this weight."""
    return chance.expovariate(1.0) * weight / (rate * shape)


# How busy it is at a moment.
Shape = Callable[[datetime], float]


def flat(_: datetime) -> float:
    """The same at all hours."""
    return 1.0
