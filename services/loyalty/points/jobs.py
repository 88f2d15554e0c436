"""Timed work on points."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def keep_time(loyalty: LoyaltyService) -> None:
    """Book what has begun or ended, and let go of holds whose time is over."""
    await loyalty.points_upkeep.run()


JOBS = (Job("loyalty.points", timedelta(seconds=2), keep_time),)
