"""`tam backup` and `tam restore`: everything that is in the database, at one moment, and back on an empty one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from services.cli.common import fail, pick, read_settings, run, say
from services.cli.erasures import carried_out
from services.cli.progress import Meter, progress_bar
from services.registry import SERVICES
from shared.backup.digests import rows_in
from shared.backup.dumping import back_up
from shared.backup.errors import OtherLog
from shared.backup.loading import checked, restore
from shared.backup.log import since
from shared.backup.manifest import Manifest
from shared.bus.base import Bus
from shared.bus.choose import open_bus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.embedded import borrowed
from shared.errors import UserError
from shared.runtime.platform import VERSION, migrate
from shared.runtime.trees import trees_of

PgBin = Annotated[
    Path | None,
    typer.Option("--pg-bin", file_okay=False, exists=True, help="Folder of pg_dump, pg_restore and psql to use."),
]
_MEGABYTE = 1_000_000
_APART = (
    "Not in it, to be kept apart: the environment (TAM_INSTALLATION_KEY, passwords), the peppers of voucher codes and "
    "the key of survey links (TAM_LOYALTY_CODE_PEPPERS, TAM_SURVEYS_LINK_KEYS, or loyalty-code-pepper and "
    "survey-link-key in TAM_DATA_DIR), the journal of erasures, Kafka's topics."
)


def backup(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="A new folder for this back-up.")],
    only: Annotated[
        str | None, typer.Option(help="Services whose database this is, separated by commas; all, if not given.")
    ] = None,
    pg_bin: PgBin = None,
) -> None:
    """Back up everything in the database, of one moment, while the platform works.

    A file of pg_dump per service, and manifest.json: versions, positions in the log, digests, checksums. The files are
    readable for you alone, and hold personal data.
    """
    settings, began = read_settings(), monotonic()
    made = run(_backup(settings, folder, only, pg_bin))
    seconds = monotonic() - began
    rows = sum(map(rows_in, made.digests.values()))
    say(
        f"{folder}: {rows:,} rows of {len(made.digests)} tables in {made.size / _MEGABYTE:,.1f} MB, {seconds:,.1f} s; "
        f"PostgreSQL {made.server}, pg_dump {made.tool}, back-up {made.id}."
    )
    say(_APART)


async def _backup(settings: PlatformSettings, folder: Path, only: str | None, pg_bin: Path | None) -> Manifest:
    manifests = pick(only)
    names = [manifest.name for manifest in manifests]
    async with _database(settings) as url, _kafka(settings) as kafka:
        with progress_bar() as bar:
            meters: dict[str, Meter] = {}

            def moved(schema: str, count: int) -> None:
                if schema not in meters:
                    meters[schema] = Meter(bar, schema, 0)
                meters[schema].more(count)

            return await back_up(
                url,
                folder,
                trees_of(manifests),
                names,
                kafka=kafka,
                version=VERSION,
                now=SystemClock().now(),
                pg_bin=pg_bin,
                moved=moved,
            )


def restore_command(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder of the back-up.")],
    erasures: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The journal of `tam rights journal`: erasures since."),
    ] = None,
    no_erasures: Annotated[
        bool, typer.Option("--no-erasures", help="Nobody was erased since the back-up, for all that is known.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only read the back-up, and say whether it is whole.")] = False,
    new_log: Annotated[
        bool, typer.Option("--new-log", help="Kafka's topics are lost: consumers begin at the beginning of new ones.")
    ] = False,
    pg_bin: PgBin = None,
) -> None:
    """Restore a back-up into an empty database, and carry out again who was erased since.

    All of it or nothing: it is one transaction, which compares what arrived with what was backed up. Then the schemas
    are brought up to date with this Tâm. Nothing may serve meanwhile.

    Exit code: 3 no programs of PostgreSQL; 4 the back-up is damaged or partial; 5 it is of a newer version; 6 the
    database is not empty; 7 what arrived is different; 8 Kafka is not the one it belongs to.
    """
    settings = read_settings()
    if check:
        found = run(checked(folder, trees_of(SERVICES)))
        say(f"{folder} is whole: of {found.made_at:%Y-%m-%d %H:%M:%S} UTC, {found.size / _MEGABYTE:,.1f} MB.")
        return
    if (erasures is None) is not no_erasures:
        fail("Say who was erased since: --erasures FILE (the journal of `tam rights journal`), or --no-erasures.", 2)
    run(_restore(settings, folder, erasures, new_log=new_log, pg_bin=pg_bin))


async def _restore(
    settings: PlatformSettings, folder: Path, erasures: Path | None, *, new_log: bool, pg_bin: Path | None
) -> None:
    began = monotonic()
    manifest = await checked(folder, trees_of(SERVICES))
    if erasures is not None and "profiles" not in manifest.positions:
        raise UserError(
            f"{folder} has no profiles, by which erasures are carried out again: take --no-erasures; its services hear "
            "of those of the last seven days from Kafka."
        )
    async with _kafka(settings) as kafka:
        await _check_log(manifest, kafka, new_log=new_log)
        async with _database(settings) as url:
            with progress_bar() as bar:
                meter = Meter(bar, "restoring", manifest.size)
                await restore(url, folder, manifest, forget_positions=new_log, pg_bin=pg_bin, moved=meter.advance)
            await migrate(url, [each for each in SERVICES if each.name in manifest.positions])
            size, seconds = manifest.size / _MEGABYTE, monotonic() - began
            say(
                f"Restored and compared: {len(manifest.digests)} tables of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, "
                f"{size:,.1f} MB in {seconds:,.1f} s."
            )
            if erasures is not None:
                say(f"{await carried_out(settings, url, erasures)} erasures are carried out again at the next start.")


async def _check_log(manifest: Manifest, kafka: Bus | None, *, new_log: bool) -> None:
    if (kafka is None) != (manifest.bus == "postgres"):
        there = "on Kafka (TAM_KAFKA_BOOTSTRAP_SERVERS)" if manifest.bus == "kafka" else "in PostgreSQL"
        raise OtherLog(f"The back-up's log was {there}; restore it with the same bus.")
    if kafka is None or new_log:
        return
    found = await since(kafka, manifest)
    say(f"Kafka holds {sum(found.again.values()):,} records that came since; they are read again.")
    for topic, number in sorted(found.gone.items()):
        say(f"{topic}: up to {number:,} records per partition went with its retention before they were read.")


@asynccontextmanager
async def _database(settings: PlatformSettings) -> AsyncIterator[str]:
    """The database as it is: nothing is migrated, for that would be data in an empty one."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    async with borrowed(settings.data_dir) as url:
        yield url


@asynccontextmanager
async def _kafka(settings: PlatformSettings) -> AsyncIterator[Bus | None]:
    if settings.kafka_bootstrap_servers is None:
        yield None
        return
    bus = open_bus(settings, "", sole=False)
    try:
        await bus.start()
        yield bus
    finally:
        await bus.stop()
