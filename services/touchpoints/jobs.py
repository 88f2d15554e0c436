"""Timed work of the touchpoints service."""

from datetime import timedelta

from services.touchpoints.service import TouchpointsService
from shared.runtime.service import Job


async def trim(touchpoints: TouchpointsService) -> None:
    """Delete touchpoints and refused events that have been kept long enough."""
    await touchpoints.trim()


JOBS = (Job("touchpoints.trim", timedelta(hours=1), trim),)
