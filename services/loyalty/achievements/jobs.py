"""Timed work on achievements."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job

# In one go; the rest waits for the next, so that other work comes in between.
MAX_ROUNDS = 50


async def settle(loyalty: LoyaltyService) -> None:
    """Settle what those whose facts changed have reached."""
    for _ in range(MAX_ROUNDS):
        if not await loyalty.achievement_settling.run():
            return


JOBS = (Job("loyalty.achievements", timedelta(seconds=1), settle),)
