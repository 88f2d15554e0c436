"""Timed work on the mirror."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def close_due(surveys: SurveysService) -> None:
    """Close the waves whose time is over."""
    await surveys.mirror_waves.close_due()


JOBS = (Job("surveys.mirror", timedelta(seconds=15), close_due),)
