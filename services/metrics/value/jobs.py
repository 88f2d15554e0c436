"""Timed work of predicted value."""

from datetime import timedelta

from services.metrics.service import MetricsService
from shared.runtime.service import Job


async def refit(metrics: MetricsService) -> None:
    """Fit the models anew where customers have moved, or a new day has come."""
    await metrics.value.refit()


JOBS = (Job("metrics.refit", timedelta(seconds=30), refit),)
