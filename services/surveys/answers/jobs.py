"""Timed work on responses."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job


async def open_boxes(surveys: SurveysService) -> None:
    """Let anonymous answers out that have company enough."""
    await surveys.ballots.open_full()


async def apply_themes(surveys: SurveysService) -> None:
    """Read again what was answered before the rules of themes that hold now."""
    while await surveys.theme_rules.apply():
        pass


JOBS = (
    Job("surveys.ballots", timedelta(minutes=1), open_boxes),
    Job("surveys.themes", timedelta(seconds=5), apply_themes),
)
