"""Timed work on responses."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def open_boxes(surveys: SurveysService) -> None:
    """Let anonymous answers out that have company enough."""
    await surveys.ballots.open_full()


JOBS = (Job("surveys.ballots", timedelta(minutes=1), open_boxes),)
