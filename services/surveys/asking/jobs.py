"""Timed work of asking. Each run does a bounded number of bounded transactions, and goes on at the next."""

from datetime import timedelta

from services.surveys.asking.service.deciding import AT_ONCE
from services.surveys.asking.service.invitations import EXPIRED_AT_ONCE
from services.surveys.service import SurveysService
from shared.runtime.service import Job

_PASSES = 50


async def decide(surveys: SurveysService) -> None:
    """Decide about candidates whose time has come."""
    for _ in range(_PASSES):
        if await surveys.deciding.run() < AT_ONCE:
            break


async def sweep(surveys: SurveysService) -> None:
    """Go through the rounds of schedules."""
    for _ in range(_PASSES):
        if not await surveys.sweeping.run():
            break


async def expire(surveys: SurveysService) -> None:
    """End invitations that nobody answered in time, and forget facts that no candidate waits for."""
    for _ in range(_PASSES):
        if await surveys.invitations.expire() < EXPIRED_AT_ONCE:
            break
    await surveys.sweeping.forget()


JOBS = (
    Job("surveys.decide", timedelta(seconds=1), decide),
    Job("surveys.sweep", timedelta(seconds=15), sweep),
    Job("surveys.expire", timedelta(seconds=15), expire),
)
