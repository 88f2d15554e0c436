"""Timed work on the scale of scores."""

from datetime import timedelta

from services.profiles.service import ProfilesService
from shared.runtime.service import Job


async def take_quintiles(profiles: ProfilesService) -> None:
    """Take the quintiles anew once a day, where the firm scores by them."""
    await profiles.rfm.take_anew()


JOBS = (Job("profiles.rfm", timedelta(minutes=5), take_quintiles),)
