"""Timed work on referrals."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def settle(loyalty: LoyaltyService) -> None:
    """Settle what changed, and what is due."""
    while await loyalty.referral_settling.run():
        pass


JOBS = (Job("loyalty.referrals", timedelta(seconds=1), settle),)
