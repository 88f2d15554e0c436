"""A process that rebuilds loyalty beside the live tables, and is killed at a phase of it (`kill -9`, by itself).

Arguments: the owner's URL, the URL of whom it rebuilds as, the phase ("none": it is not killed), the name of the run
("none": it has none). Says at the end whether all tables are the same.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from services.cli.instance import beside
from services.loyalty.app import service as manifest
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database
from shared.rights.marks import Seal
from shared.runtime import places, rebuilding, recovering
from shared.runtime.service import Parts


def die(*_: Any, **__: Any) -> Any:
    """As the out-of-memory killer does: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(owner: str, url: str, phase: str, run: str | None) -> None:
    """Rebuild and compare, as far as it lives."""
    settings = PlatformSettings(database_url=owner)
    clear = places.clear

    async def cleared_half(connection: Any, place: Any) -> None:
        await clear(connection, place)
        die()

    async def moved(_: int) -> None:
        if phase == "reading":
            die()

    if phase == "migrated":
        places.begin = die
    elif phase == "comparing":
        recovering.compare = die
    elif phase == "clearing":
        places.clear = cleared_half

    def parts(db: Database) -> Parts:
        return Parts(db, bus, SystemClock(), settings, None, Seal(bytes(32)))

    async with beside(settings, owner) as (bus, databases):
        live = next(db for service, db in databases if service.name == manifest.name)
        async with rebuilding.rebuilding(manifest, url, bus, parts, schema=run) as rebuilt:
            verdicts = await recovering.verify_told(rebuilt, live, moved)
    for each in verdicts:
        print(each.table, each.is_same, each.rebuilt_rows)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], None if sys.argv[4] == "none" else sys.argv[4]))
