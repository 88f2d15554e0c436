"""Our own eyes on what is in a database that was restored."""

from collections.abc import Mapping

import asyncpg

from shared.backup.digests import digests, tables_of
from shared.backup.manifest import Manifest
from shared.bus.postgres.connections import plain_url

HELD = ("leases", "members", "assignments")


async def restored(url: str, manifest: Manifest) -> dict[str, str]:
    """The digests of what lasts, with our own eyes."""
    connection = await asyncpg.connect(plain_url(url), server_settings={"timezone": "UTC"})
    try:
        return lasting(await digests(connection, await tables_of(connection, manifest.schemas)))
    finally:
        await connection.close()


def lasting(found: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in found.items() if name.partition(".")[2] not in HELD}
