"""What commands do with projections rebuilt beside the live ones: compare them, or ask them what was known once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.cli.common import database_url, open_database, say
from services.cli.instance import beside
from services.cli.progress import Meter, progress_bar
from shared.clock import Clock, SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database
from shared.events.topics import TOPICS
from shared.rights.marks import open_seal
from shared.runtime.platform import load_service_settings
from shared.runtime.rebuilding import Rebuilt, rebuilding, verify
from shared.runtime.recovering import verify_told
from shared.runtime.service import Parts, Service
from shared.runtime.trees import PLATFORM_SCHEMA
from shared.runtime.verdicts import TableVerdict

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Beside:
    """A service rebuilt beside the live one, and the database of that."""

    rebuilt: Rebuilt
    live: Database


@asynccontextmanager
async def rebuilt_beside(
    settings: PlatformSettings, manifest: Service, clock: Clock | None = None
) -> AsyncIterator[Beside]:
    """An empty scratch schema to rebuild the service's projections in; it is dropped in the end."""
    async with database_url(settings) as url, beside(settings, url) as (bus, databases):
        # Of an installation that never ran there is nothing yet, and that too can be rebuilt.
        await bus.ensure_topics(TOPICS, partitions=settings.partitions)
        live = next(db for service, db in databases if service.name == manifest.name)
        async with open_database(url, PLATFORM_SCHEMA) as platform:
            seal = await open_seal(platform, settings.installation_key)

        def parts(db: Database) -> Parts:
            given = load_service_settings((manifest,)).get(manifest.name)
            return Parts(db, bus, clock or SystemClock(), settings, given, seal)

        async with rebuilding(manifest, url, bus, parts) as found:
            yield Beside(found, live)


async def verified(settings: PlatformSettings, manifest: Service) -> bool:
    """Whether the live projections are what the log says, told table by table."""
    async with rebuilt_beside(settings, manifest) as found:
        with progress_bar() as bar:
            meter = Meter(bar, "rebuilding beside", 0)

            async def moved(left: int) -> None:
                meter.left(left)

            verdicts = await verify(found.rebuilt, found.live, moved)
            told = await verify_told(found.rebuilt, found.live, moved)
        if manifest.on_verified is not None:
            await manifest.on_verified(found.rebuilt.value, found.live, told)
        verdicts += told
        dead = found.rebuilt.dead
    for verdict in verdicts:
        _tell(manifest.name, verdict)
    if dead:
        say(f"{dead} facts could not be handled, and are in neither.")
    return all(verdict.is_same for verdict in verdicts)


def _tell(service: str, verdict: TableVerdict) -> None:
    head = f"{service}.{verdict.table}: {verdict.live[:16]} ({verdict.live_rows} rows)"
    if verdict.is_same:
        say(f"{head} same")
        return
    say(f"{head} → {verdict.rebuilt[:16]} ({verdict.rebuilt_rows} rows) DIFFERENT")
    for name, row in (("live", verdict.only_live), ("rebuilt", verdict.only_rebuilt)):
        if row is not None:
            say(f"  first row that only the {name} one has: {row[:_SHOWN]}")
