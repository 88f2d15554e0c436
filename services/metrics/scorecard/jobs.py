"""Timed work of the score card."""

from datetime import timedelta

from services.metrics.service import MetricsService
from shared.runtime.service import Job


async def keep(metrics: MetricsService) -> None:
    """Compute what costs too much to be read, where it is due."""
    await metrics.keeping.keep()


JOBS = (Job("metrics.scorecard", timedelta(minutes=5), keep),)
