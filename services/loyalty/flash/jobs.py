"""Timed work on flash sales."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def announce(loyalty: LoyaltyService) -> None:
    """Tell of the claims of the last moment, and of what became of others and of tickets."""
    await loyalty.flash_upkeep.announce()
    await loyalty.flash_upkeep.tell()


async def expire(loyalty: LoyaltyService) -> None:
    """Let claims fall that were not confirmed in time."""
    await loyalty.flash_upkeep.expire()


async def draw(loyalty: LoyaltyService) -> None:
    """Draw lots where the time has come, and promise to the next what nobody claimed."""
    await loyalty.flash_draws.run()


JOBS = (
    Job("loyalty.flash_draws", timedelta(seconds=1), draw),
    Job("loyalty.flash_announcements", timedelta(seconds=1), announce),
    Job("loyalty.flash_expiry", timedelta(seconds=1), expire),
)
