"""Timed work of data rights, and the alert when a deadline of the law has passed."""

import asyncio
from datetime import timedelta
from typing import get_args

from prometheus_client import Gauge

from services.profiles.rights.domain.deadlines import Kind
from services.profiles.rights.service.journal_file import JournalFile
from services.profiles.service import ProfilesService
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

log = logger(__name__)

OVERDUE = Gauge(
    "tam_profiles_rights_overdue",
    "Open requests about personal data of which a deadline of the law has passed.",
    ["kind"],
    registry=REGISTRY,
)


async def finish(profiles: ProfilesService) -> None:
    """Bring erasures to their end."""
    await profiles.rights.following.finish()


async def forget(profiles: ProfilesService) -> None:
    """Remove bundles that were there long enough."""
    await profiles.rights.following.forget()


async def warn(profiles: ProfilesService) -> None:
    """Say which requests are overdue, until somebody answers them: `GET /v1/rights?overdue=true`."""
    for kind, number in (await profiles.rights.cases.overdue()).items():
        log.error("rights_overdue", kind=kind, number=number)


async def note(profiles: ProfilesService) -> None:
    """Note erasures in the journal, where one is kept; what cannot be written now is written the next time."""
    if (path := profiles.settings.erasure_journal) is None:
        return
    file = JournalFile(path)
    known = {entry.case.id for entry in await asyncio.to_thread(lambda: list(file.entries()))}
    if entries := await profiles.rights.journal.beyond(known):
        await asyncio.to_thread(file.add, entries)
        log.info("erasures_noted", number=len(entries))


async def refresh_gauges(profiles: ProfilesService) -> None:
    """Count what is overdue now; a kind of which nothing is, is 0."""
    found = await profiles.rights.cases.overdue()
    for kind in get_args(Kind):
        OVERDUE.labels(kind).set(found.get(kind, 0))


JOBS = (
    Job("rights.finish", timedelta(seconds=2), finish),
    Job("rights.forget", timedelta(hours=1), forget),
    Job("rights.overdue", timedelta(hours=1), warn),
    Job("rights.journal", timedelta(minutes=1), note),
)
