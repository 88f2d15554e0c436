"""Keep the data of the release at hand for those to come: `make release-fixture`.

It runs the small shop through all services on a throw-away server, backs it up as `tam backup` does, and notes figures
and migrations. Each run has the same people, orders and figures; ids, and the times of what was clicked, are its own.
"""

import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from releases import MOST_BYTES, ROOT, Release, current_version, digests_of_scripts, telling_of_machines
from upgrade_shop import dead_letters, figures, run_through

from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.runtime.trees import trees_of
from shared.testing.platform import running_platform
from shared.testing.postgres import throwaway_server


async def _make(url: str, release: Release, folder: Path) -> dict[str, Any]:
    """Back the shop up into the folder; its figures."""
    async with running_platform(url, SERVICES) as running:
        await run_through(running)
        now = datetime.now(UTC).replace(microsecond=0)
        # A day, in the shop's zone: what comes later changes nothing of it.
        day = now.astimezone(running.platform.settings.zone).date().isoformat()
        found = {"as_of": day, "values": await figures(running, day)}
        await running.settled()
        if number := await dead_letters(running):
            sys.exit(f"{number} facts could not be handled: nothing of that is to be kept.")
    # At rest: what jobs do by the clock is done, and outboxes are empty.
    trees, about = trees_of(SERVICES), {"version": release.version, "now": now}
    await back_up(url, folder, trees, NAMES, kafka=None, compression=0, **about)
    return found


def _note(release: Release, name: str, content: object) -> None:
    (release.folder / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def main() -> None:
    """Make the folder of the release at hand anew."""
    release = Release(current_version())
    with throwaway_server() as url, tempfile.TemporaryDirectory() as scratch:
        backup = Path(scratch) / "backup"
        found = asyncio.run(_make(url, release, backup))
        if told := telling_of_machines(backup):
            sys.exit(f"It tells of this machine: {told[0]}")
        shutil.rmtree(release.folder, ignore_errors=True)
        release.pack(backup)
    _note(release, "figures.json", found)
    _note(release, "migrations.json", digests_of_scripts())
    size = sum(file.stat().st_size for file in release.folder.iterdir())
    if size > MOST_BYTES:
        sys.exit(f"It has {size:,} bytes, over {MOST_BYTES:,}.")
    sys.stdout.write(f"{release.folder.relative_to(ROOT)}: {size / 1_000:,.0f} kB\n")


if __name__ == "__main__":
    main()
