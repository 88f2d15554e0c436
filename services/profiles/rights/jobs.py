"""Timed work of data rights."""

from datetime import timedelta

from services.profiles.service import ProfilesService
from shared.runtime.service import Job


async def finish(profiles: ProfilesService) -> None:
    """Bring erasures to their end."""
    await profiles.rights.following.finish()


async def forget(profiles: ProfilesService) -> None:
    """Remove bundles that were there long enough."""
    await profiles.rights.following.forget()


JOBS = (
    Job("rights.finish", timedelta(seconds=2), finish),
    Job("rights.forget", timedelta(hours=1), forget),
)
