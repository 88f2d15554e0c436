"""Timed work of knowledge."""

from datetime import timedelta

from services.metrics.service import MetricsService
from shared.runtime.service import Job


async def read(metrics: MetricsService) -> None:
    """Read the log again for what was asked for."""
    await metrics.knowledge.read()


JOBS = (Job("metrics.known", timedelta(seconds=5), read),)
