"""Timed work on cases."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def escalate(surveys: SurveysService) -> None:
    """Take the steps that are due."""
    while await surveys.case_escalation.run():
        pass


async def ask_again(surveys: SurveysService) -> None:
    """Ask those whose case was closed some days ago."""
    while await surveys.case_asking_again.run():
        pass


JOBS = (
    Job("surveys.case_escalation", timedelta(seconds=10), escalate),
    Job("surveys.case_asking_again", timedelta(minutes=5), ask_again),
)
