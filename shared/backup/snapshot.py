"""One moment of all schemas, held open while the platform goes on working.

The locks are the weakest there are: they keep out only who would change or empty a table as a whole (migrations,
replays), and they are taken before the moment, because emptying a table is not undone for older snapshots.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from shared.backup.digests import SESSION, digests, quoted, tables_of
from shared.backup.errors import Failed
from shared.bus.postgres.connections import plain_url
from shared.db.migrate import LOCK, Tree

CONNECT_SECONDS = 10
LOCK_SECONDS = 60
# Not `tam…`: such sessions are ended where they stand idle in a transaction, as this one must.
APPLICATION = "backup"
_PLACE = "topic || '/' || partition"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The open moment; `name` is what pg_dump takes."""

    name: str
    server: str
    connection: asyncpg.Connection

    async def digests(self, schemas: Sequence[str]) -> dict[str, str]:
        """The digest of each table of these schemas."""
        return await digests(self.connection, await tables_of(self.connection, schemas))

    async def heads(self, trees: Sequence[Tree]) -> dict[str, str]:
        """The migration of each tree."""
        return {
            name_of(tree): await self.connection.fetchval(f"SELECT version_num FROM {version_table(tree)}")
            for tree in trees
        }

    async def positions(self, schema: str) -> dict[str, dict[str, int]]:
        """How far each consumer of a service has read."""
        found: dict[str, dict[str, int]] = {}
        for row in await self.connection.fetch(
            f"SELECT consumer, {_PLACE} AS place, next_offset FROM {quoted(schema)}.offsets ORDER BY 1, 2"
        ):
            found.setdefault(row["consumer"], {})[row["place"]] = row["next_offset"]
        return found

    async def waiting(self, schema: str) -> int:
        """How many events wait in a service's outbox."""
        number = await self.connection.fetchval(f"SELECT coalesce(sum(records), 0) FROM {quoted(schema)}.outbox")
        return int(number)

    async def log_ends(self) -> dict[str, tuple[int, int]]:
        """Where the partitions of the PostgreSQL log end; they begin where the oldest row says."""
        rows = await self.connection.fetch(f"SELECT {_PLACE} AS place, next_offset FROM bus.heads ORDER BY 1")
        return {row["place"]: (0, row["next_offset"]) for row in rows}


@asynccontextmanager
async def snapshot(url: str, schemas: Sequence[str]) -> AsyncIterator[Snapshot]:
    """Hold a moment of these schemas open.

    Raises:
        Failed: a table stayed locked, or PostgreSQL refuses.
    """
    connection = await asyncpg.connect(
        plain_url(url),
        timeout=CONNECT_SECONDS,
        server_settings={
            **SESSION,
            "application_name": APPLICATION,
            "idle_in_transaction_session_timeout": "0",
            "statement_timeout": "0",
            "lock_timeout": f"{LOCK_SECONDS}s",
            "search_path": "pg_catalog",
            "jit": "off",
        },
    )
    try:
        # Migrations wait with this lock, before they have any other: nobody else waits for them meanwhile.
        await connection.execute("SELECT pg_advisory_lock_shared($1)", LOCK)
        tables = await tables_of(connection, schemas)
        names = [table.quoted for table in tables]
        if not names:
            raise Failed("The database has no data of Tâm: there is nothing to back up.")
        if missing := dict.fromkeys(schemas).keys() - {table.schema for table in tables}:
            raise Failed(
                f"The database has nothing of {', '.join(sorted(missing))}: "
                "name the services whose database it is with --only."
            )
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")
            name = await connection.fetchval("SELECT pg_export_snapshot()")
            server = await connection.fetchval("SHOW server_version")
            yield Snapshot(name, server.split()[0], connection)
    except asyncpg.LockNotAvailableError:
        raise Failed(f"A migration or a replay held a table for {LOCK_SECONDS} s: try again when it is done.") from None
    except asyncpg.PostgresError as error:
        raise Failed(f"PostgreSQL refuses the back-up: {error}.") from error
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def name_of(tree: Tree) -> str:
    """`loyalty/alembic_version`."""
    return f"{tree.schema}/{tree.version_table}"


def version_table(tree: Tree) -> str:
    """The version table of a tree, as SQL has it."""
    return f"{quoted(tree.schema)}.{quoted(tree.version_table)}"
