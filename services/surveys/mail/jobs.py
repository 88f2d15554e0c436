"""Timed work on mail."""

from datetime import timedelta

from services.surveys.service import SurveysService
from shared.runtime.service import Job

EVERY = timedelta(seconds=5)


async def send(surveys: SurveysService) -> None:
    """Send what is due, at the pace that is set."""
    sending = surveys.mail
    if sending.settings.sends_mail:
        await sending.run(max(1, round(sending.settings.mail_per_minute * EVERY.total_seconds() / 60)))
        await sending.measure()


JOBS = (Job("surveys.mail", EVERY, send),)
