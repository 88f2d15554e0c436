"""Timed work on points."""

from datetime import timedelta

from prometheus_client import Gauge

from services.loyalty.service import LoyaltyService
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

STANDING = Gauge(
    "tam_loyalty_points",
    "Points of all members by kind of wallet: available, pending or held is what the firm owes, debt what it is owed.",
    ["wallet", "standing"],
    registry=REGISTRY,
)


async def keep_time(loyalty: LoyaltyService) -> None:
    """Book what has begun or ended, and let go of holds whose time is over."""
    await loyalty.points_upkeep.run()


async def count_standing(loyalty: LoyaltyService) -> None:
    """Count what all members have together."""
    await loyalty.accounts.count_standing()


async def refresh_standing(loyalty: LoyaltyService) -> None:
    """Set the gauge to what was counted last, by whichever process."""
    STANDING.clear()
    for each in await loyalty.accounts.standing():
        STANDING.labels(each.wallet, each.standing).set(each.points)


JOBS = (
    Job("loyalty.points", timedelta(seconds=2), keep_time),
    Job("loyalty.points_standing", timedelta(seconds=30), count_standing),
)
