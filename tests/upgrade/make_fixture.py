"""Keep the data of the release at hand for those to come: `make release-fixture`.

It runs the small shop through all services on a throw-away server, backs it up as `tam backup` does, and notes figures
and migrations. Each run has the same people, orders and figures; ids, and the times of what was clicked, are its own.
"""

import asyncio
import shutil
import sys
from datetime import UTC, datetime

import orjson
from releases import MOST_BYTES, ROOT, Release, current_version, digests_of_scripts, telling_of_machines
from upgrade_shop import dead_letters, figures, run_through

from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.runtime.progress import settled
from shared.runtime.trees import trees_of
from shared.testing.platform import running_platform
from shared.testing.postgres import throwaway_server


async def _make(url: str, release: Release) -> None:
    async with running_platform(url, SERVICES) as running:
        await run_through(running)
        now = datetime.now(UTC).replace(microsecond=0)
        # A day, in the shop's zone: what comes later changes nothing of it.
        day = now.astimezone(running.platform.settings.zone).date().isoformat()
        found = {"as_of": day, "values": await figures(running, day)}
        platform = running.platform
        await settled(platform.bus, platform.databases())
        if number := await dead_letters(running):
            sys.exit(f"{number} facts could not be handled: nothing of that is to be kept.")
    # At rest: what jobs do by the clock is done, and outboxes are empty.
    await back_up(
        url, release.folder, trees_of(SERVICES), NAMES, kafka=None, version=release.version, now=now, compression=9
    )
    _note(release, "figures.json", found)
    _note(release, "migrations.json", digests_of_scripts())


def _note(release: Release, name: str, content: object) -> None:
    (release.folder / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def main() -> None:
    """Make the folder anew; a release that is out keeps its own."""
    release = Release(current_version())
    shutil.rmtree(release.folder, ignore_errors=True)
    with throwaway_server() as url:
        asyncio.run(_make(url, release))
    files = list(release.folder.iterdir())
    size = sum(file.stat().st_size for file in files)
    if found := telling_of_machines(release):
        sys.exit(f"It tells of this machine: {found[0]}")
    if size > MOST_BYTES:
        sys.exit(f"It has {size:,} bytes, over {MOST_BYTES:,}.")
    # Nobody in it lives: as readable as all else of a repository.
    for file in files:
        file.chmod(0o644)
    release.folder.chmod(0o755)
    sys.stdout.write(f"{release.folder.relative_to(ROOT)}: {size / 1_000:,.0f} kB\n")


if __name__ == "__main__":
    main()
