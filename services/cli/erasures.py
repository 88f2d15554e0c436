"""The journal of erasures for commands: it is a file of JSON lines, kept apart from back-ups."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from services import registry
from services.cli.common import open_database
from services.profiles.rights.service.journal import Entry, Journal
from services.profiles.service import ProfilesService
from shared.bus.choose import open_bus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.errors import UserError
from shared.rights.marks import open_seal
from shared.runtime.platform import load_service_settings
from shared.runtime.service import Parts
from shared.runtime.trees import PLATFORM_SCHEMA


async def written(settings: PlatformSettings, url: str, file: Path) -> int:
    """Add to the file the erasures that are not in it; how many. What was there stays, whatever is killed."""
    known = {entry.case.id for entry in _read(file)}
    async with _journal(settings, url) as journal:
        entries = await journal.beyond(known)
    try:
        _cut_torn_line(file)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
            out.writelines(entry.line() for entry in entries)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error
    return len(entries)


async def carried_out(settings: PlatformSettings, url: str, file: Path) -> int:
    """Have the erasures of the file carried out that the database does not know of; how many."""
    entries = list(_read(file))
    async with _journal(settings, url) as journal:
        return await journal.again(entries)


def _read(file: Path) -> Iterator[Entry]:
    try:
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, 1):
        # Its writer was killed: nobody was told that it is there, and the next one writes it again.
        if number == len(lines) and not line.endswith(b"\n"):
            return
        try:
            yield Entry.read(line)
        except ValueError:
            raise UserError(f"{file}: line {number} is no entry of a journal of erasures.") from None


def _cut_torn_line(file: Path) -> None:
    if file.exists():
        content = file.read_bytes()
        os.truncate(file, content.rfind(b"\n") + 1)


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
