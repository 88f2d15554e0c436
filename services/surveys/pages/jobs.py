"""Timed work on clicks."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def judge(surveys: SurveysService) -> None:
    """Judge clicks that have settled, and take those for answers that a firm lets count."""
    while await surveys.clicks.judge():
        pass
    while await surveys.clicks.infer():
        pass


async def forget_old(surveys: SurveysService) -> None:
    """Forget single clicks that are too old."""
    while await surveys.clicks.forget_old():
        pass


JOBS = (
    Job("surveys.clicks", timedelta(seconds=60), judge),
    Job("surveys.old_clicks", timedelta(hours=6), forget_old),
)
