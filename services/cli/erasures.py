"""The journal of erasures for commands: it is a file of JSON lines, kept apart from back-ups."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services import registry
from services.cli.common import open_database
from services.profiles.rights.service.journal import Journal
from services.profiles.rights.service.journal_file import JournalFile
from services.profiles.service import ProfilesService
from shared.bus.choose import open_bus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.rights.marks import open_seal
from shared.runtime.platform import load_service_settings
from shared.runtime.service import Parts
from shared.runtime.trees import PLATFORM_SCHEMA


async def written(settings: PlatformSettings, url: str, path: Path) -> int:
    """Add to the file the erasures that are not in it; how many."""
    file = JournalFile(path)
    known = {entry.case.id for entry in file.entries()}
    async with _journal(settings, url) as journal:
        entries = await journal.beyond(known)
    file.add(entries)
    return len(entries)


async def carried_out(settings: PlatformSettings, url: str, path: Path) -> int:
    """Have the erasures of the file carried out that the database does not know of; how many."""
    entries = list(JournalFile(path).entries())
    async with _journal(settings, url) as journal:
        return await journal.again(entries)


@asynccontextmanager
async def _journal(settings: PlatformSettings, url: str) -> AsyncIterator[Journal]:
    """Profiles' journal on a database, without any of its work."""
    manifest = registry.service("profiles")
    db = Database(
        make_engine(url, schema="profiles", pool_size=None, application="tam-cli"),
        schema="profiles",
        outbox=OutboxWriter(),
    )
    try:
        async with open_database(url, PLATFORM_SCHEMA) as platform:
            seal = await open_seal(platform, settings.installation_key)
        parts = Parts(
            db=db,
            bus=open_bus(settings, url, sole=False),
            clock=SystemClock(),
            platform=settings,
            settings=load_service_settings((manifest,)).get(manifest.name),
            seal=seal,
            rights_holders=registry.RIGHTS_HOLDERS,
        )
        profiles = manifest.build(parts)
        assert isinstance(profiles, ProfilesService)
        yield profiles.rights.journal
    finally:
        await db.dispose()
