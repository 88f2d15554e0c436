"""Timed work of simulations."""

from datetime import timedelta

from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job


async def simulate(loyalty: LoyaltyService) -> None:
    """Work on simulations that were asked for."""
    await loyalty.simulations.run()


async def forget_simulations(loyalty: LoyaltyService) -> None:
    """Throw results away that were kept long enough."""
    await loyalty.simulations.forget_old()


JOBS = (
    Job("loyalty.simulations", timedelta(seconds=1), simulate),
    Job("loyalty.simulation_retention", timedelta(hours=1), forget_simulations),
)
