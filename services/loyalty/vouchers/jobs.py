"""Timed work on codes."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def make_codes(loyalty: LoyaltyService) -> None:
    """Make the codes that jobs wait for."""
    await loyalty.code_jobs.run()


async def forget_codes(loyalty: LoyaltyService) -> None:
    """Throw codes away that nobody downloaded in time, and end imports of files that nobody went on with."""
    await loyalty.code_jobs.forget_old()
    await loyalty.code_files.forget_old()


async def fill_pools(loyalty: LoyaltyService) -> None:
    """Make the free codes that campaigns keep ready."""
    await loyalty.code_pools.replenish()


JOBS = (
    Job("loyalty.code_pools", timedelta(seconds=5), fill_pools),
    Job("loyalty.code_generation", timedelta(seconds=1), make_codes),
    Job("loyalty.code_retention", timedelta(minutes=5), forget_codes),
)
