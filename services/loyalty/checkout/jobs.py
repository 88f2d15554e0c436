"""Timed work of checkout."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def expire_reservations(loyalty: LoyaltyService) -> None:
    """End holds that have run out. Nobody waits for it: who needs what one holds ends it without us."""
    await loyalty.checkout.ending.expire_due()


async def settle_late_returns(loyalty: LoyaltyService) -> None:
    """Undo what was redeemed in the moment its order came back."""
    await loyalty.checkout.refunds.settle_late()


async def forget_quotes(loyalty: LoyaltyService) -> None:
    """Remove quotes of points that lapsed long ago."""
    await loyalty.checkout.promising.forget_old()


JOBS = (
    Job("loyalty.expire_reservations", timedelta(seconds=5), expire_reservations),
    Job("loyalty.settle_late_returns", timedelta(minutes=1), settle_late_returns),
    Job("loyalty.forget_quotes", timedelta(hours=1), forget_quotes),
)
