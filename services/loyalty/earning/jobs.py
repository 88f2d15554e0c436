"""Timed work of earning and tiers."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job

# In one go; the rest waits for the next, so that other work comes in between.
MAX_ROUNDS = 20


async def look_again(loyalty: LoyaltyService) -> None:
    """Settle again for those of whom a change of rules or tracks, or of a balance that tiers go by, asks it."""
    await loyalty.tracks.begin()
    for _ in range(MAX_ROUNDS):
        if not (await loyalty.earning.look_again_at_queued() + await loyalty.earning.look_again_at_moved()):
            return


async def review_tiers(loyalty: LoyaltyService) -> None:
    """Look at those whose tier time is over; nobody else is looked at."""
    for _ in range(MAX_ROUNDS):
        if not await loyalty.earning.review_tiers():
            return


async def check_tiers(loyalty: LoyaltyService) -> None:
    """Work out some people's tiers anew, and note where another is stored."""
    await loyalty.tracks.check()


JOBS = (
    Job("loyalty.earning_queue", timedelta(seconds=1), look_again),
    Job("loyalty.tier_reviews", timedelta(seconds=30), review_tiers),
    Job("loyalty.tier_check", timedelta(minutes=1), check_tiers),
)
