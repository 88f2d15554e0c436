"""`tam replay`: empty a projection, rebuild it from the log, and show that it came out the same.

What commands have made, and the service has told of, is only ever rebuilt beside: `--verify`.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from services.cli.common import database_url, fail, pick, read_settings, run, say
from services.cli.instance import beside, opened
from services.cli.progress import Meter, progress_bar
from services.cli.rebuilt import verified
from shared.bus.base import Bus, Partition
from shared.config import PlatformSettings
from shared.db.embedded import attach
from shared.db.engine import Database
from shared.runtime.progress import digest, empty_projection, settled
from shared.runtime.serve import bind, serve
from shared.runtime.service import Service


def replay(
    service: Annotated[str, typer.Argument(help="Whose projections to rebuild, e.g. metrics.")],
    workers_elsewhere: Annotated[
        bool, typer.Option(help="Workers run in other processes and will do the rebuilding; only wait for them.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(help="Rebuild beside the live ones, in a schema that goes again, and compare; change nothing."),
    ] = False,
) -> None:
    """Rebuild a service's projections from the log; exit code 4 if the result differs from before."""
    picked = pick(service)
    if len(picked) > 1:
        fail("Rebuild one service at a time.", 2)
    manifest = picked[0]
    if verify and not (manifest.projections or manifest.recoveries):
        fail(f"{service} has nothing that is a function of the log alone.")
    if not verify and not manifest.projections:
        fail(f"{service} has no projection that is a function of the log alone; try --verify.")
    if verify:
        same = run(verified(read_settings(), manifest))
        raise typer.Exit(0 if same else 4)
    same = run(_replay(read_settings(), manifest, workers_elsewhere=workers_elsewhere))
    raise typer.Exit(0 if same else 4)


async def _replay(settings: PlatformSettings, manifest: Service, *, workers_elsewhere: bool) -> bool:
    embedded_runs = settings.is_embedded and attach(settings.data_dir) is not None
    if workers_elsewhere or embedded_runs:
        async with database_url(settings) as url, beside(settings, url) as (bus, databases):
            return await _rebuild(manifest, bus, databases)
    results: list[bool] = []
    sock = bind("127.0.0.1", 0)
    try:
        async with opened(settings, role="worker") as platform:

            async def meanwhile(stop: asyncio.Event) -> None:
                results.append(await _rebuild(manifest, platform.bus, platform.databases()))
                stop.set()

            await serve(platform, sock, meanwhile=meanwhile)
    finally:
        sock.close()
    if not results:
        raise KeyboardInterrupt
    return results[0]


async def _rebuild(manifest: Service, bus: Bus, databases: list[tuple[Service, Database]]) -> bool:
    db = next(each for service, each in databases if service.name == manifest.name)
    tables = [table for projection in manifest.projections for table in projection.tables]
    with progress_bar() as bar:
        await settled(bus, databases, moved=Meter(bar, "catching up", 0).left)
    ends = await _ends(bus, manifest)
    before = await digest(db, tables)
    for projection in manifest.projections:
        await empty_projection(db, projection)
    with progress_bar() as bar:
        await settled(bus, databases, moved=Meter(bar, "rebuilding", 0).left)
    after = await digest(db, tables)
    for table in tables:
        verdict = "same" if before[table] == after[table] else "DIFFERENT"
        say(f"{manifest.name}.{table}: {before[table][:16]} → {after[table][:16]} {verdict}")
    if before != after and ends != await _ends(bus, manifest):
        say("Events came in meanwhile, so the two cannot be compared; run it again when it is quiet.")
        return True
    return before == after


async def _ends(bus: Bus, manifest: Service) -> list[Mapping[Partition, int]]:
    topics = {topic.name for each in manifest.subscriptions for topic in each.topics}
    return [await bus.end_offsets(topic) for topic in sorted(topics)]
