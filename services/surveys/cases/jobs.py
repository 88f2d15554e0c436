"""Timed work on cases."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def escalate(surveys: SurveysService) -> None:
    """Take the steps that are due."""
    while await surveys.case_escalation.run():
        pass


JOBS = (Job("surveys.case_escalation", timedelta(seconds=10), escalate),)
