"""Timed work of the throttle."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def forget(loyalty: LoyaltyService) -> None:
    """Forget who has not failed for long."""
    await loyalty.guard.forget_old()


JOBS = (Job("loyalty.throttle_retention", timedelta(minutes=30), forget),)
