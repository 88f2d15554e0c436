"""Timed work of predicted value."""

from datetime import timedelta

from services.metrics.service import MetricsService
from shared.runtime.service import Job


async def refit(metrics: MetricsService) -> None:
    """Fit the models anew where customers have moved, or a new day has come."""
    await metrics.refitting.refit()


async def look(metrics: MetricsService) -> None:
    """Tell of customers whose churn risk or value is in another band."""
    await metrics.outlooks.look()


async def tell(metrics: MetricsService) -> None:
    """Tell who shows personas what the customers of their segments are worth."""
    await metrics.segments.tell()


JOBS = (
    Job("metrics.tell_value", timedelta(minutes=1), tell),
    Job("metrics.refit", timedelta(minutes=2), refit),
    Job("metrics.outlook", timedelta(seconds=1), look),
)
