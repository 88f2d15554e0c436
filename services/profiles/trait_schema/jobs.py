"""Timed work on declared traits."""

from datetime import timedelta

from services.profiles.service import ProfilesService
from shared.runtime.service import Job


async def judge_again(profiles: ProfilesService) -> None:
    """Judge what is stored by declarations that changed."""
    await profiles.trait_schema.judge_all()


JOBS = (Job("profiles.trait_schema", timedelta(seconds=1), judge_again),)
