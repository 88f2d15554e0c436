"""Timed work on memberships."""

from datetime import timedelta

from services.profiles.service import ProfilesService
from shared.runtime.service import Job


async def keep_up(profiles: ProfilesService) -> None:
    """Look at whom time may have changed, and go on asking everybody for new rules."""
    await profiles.upkeep.run()


JOBS = (Job("profiles.memberships", timedelta(seconds=1), keep_up),)
