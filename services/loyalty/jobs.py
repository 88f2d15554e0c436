"""Timed work of all rooms of loyalty, and what they show to Prometheus."""

from services.loyalty.achievements.jobs import JOBS as ACHIEVEMENTS
from services.loyalty.checkout.jobs import JOBS as CHECKOUT
from services.loyalty.earning.jobs import JOBS as EARNING
from services.loyalty.flash.jobs import JOBS as FLASH
from services.loyalty.invariants.jobs import JOBS as INVARIANTS
from services.loyalty.invariants.jobs import refresh_gauges as refresh_invariants
from services.loyalty.points.jobs import JOBS as POINTS
from services.loyalty.points.jobs import refresh_standing
from services.loyalty.referrals.jobs import JOBS as REFERRALS
from services.loyalty.replays.jobs import refresh_drift
from services.loyalty.service import LoyaltyService
from services.loyalty.simulations.jobs import JOBS as SIMULATIONS
from services.loyalty.throttle.jobs import JOBS as THROTTLE
from services.loyalty.verification.jobs import refresh_nightly
from services.loyalty.vouchers.jobs import JOBS as VOUCHERS

__all__ = ["JOBS", "refresh_gauges"]

JOBS = (
    *POINTS,
    *EARNING,
    *INVARIANTS,
    *CHECKOUT,
    *FLASH,
    *REFERRALS,
    *VOUCHERS,
    *THROTTLE,
    *ACHIEVEMENTS,
    *SIMULATIONS,
)


async def refresh_gauges(loyalty: LoyaltyService) -> None:
    """Set all gauges of loyalty to what was found last, by whichever process."""
    await refresh_invariants(loyalty)
    await refresh_drift(loyalty)
    await refresh_nightly(loyalty)
    await refresh_standing(loyalty)
