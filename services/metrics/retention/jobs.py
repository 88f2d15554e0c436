"""Timed work of retention."""

from datetime import timedelta

from services.metrics.service import MetricsService
from shared.runtime.service import Job


async def count_anew(metrics: MetricsService) -> None:
    """Count what is being asked for, and takes long, before it is asked for."""
    await metrics.retention.refresh()
    await metrics.value.refresh()
    await metrics.value_so_far.refresh()


async def walk(metrics: MetricsService) -> None:
    """Know how past days were before somebody asks."""
    await metrics.walking.walk()


JOBS = (
    Job("metrics.retention", timedelta(minutes=1), count_anew),
    Job("metrics.past", timedelta(minutes=1), walk),
)
