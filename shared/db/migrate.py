"""Brings schemas up to date with Alembic: each service has its own tree and its own version table.

What every service carries (outbox, inbox, offsets, …) is a tree of the shared room that owns it, run in the service's
schema with a version table of its own. Migrations are additive, so that old and new processes can run side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

# Any process may migrate; this advisory lock lets one do it.
_LOCK = 7_261_001


@dataclass(frozen=True, slots=True)
class Tree:
    """A migration tree: a folder with `versions/`, the schema it applies to, and the name of its version table."""

    folder: Path
    schema: str
    version_table: str


def _config(tree: Tree) -> Config:
    config = Config()
    config.set_main_option("script_location", str(tree.folder))
    config.set_main_option("path_separator", "os")
    return config


def _script(tree: Tree) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(tree))


def _send_whole(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Send a script of several statements as it is: the extended protocol, the driver's default, takes only one."""
    if parameters or ";" not in statement.rstrip().rstrip(";"):
        return statement, parameters
    driver: Any = connection.connection.driver_connection
    await_only(driver.execute(statement))
    return "SELECT", parameters


@cache
def _head(tree: Tree) -> str | None:
    """The newest revision; remembered, because whoever waits for a migration asks again and again."""
    return _script(tree).get_current_head()


def _upgrade(connection: Connection, tree: Tree) -> None:
    script = _script(tree)
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{tree.schema}"'))
    connection.execute(text(f'SET LOCAL search_path TO "{tree.schema}"'))
    head = script.get_current_head() or "base"
    context = EnvironmentContext(
        _config(tree),
        script,
        fn=lambda revision, _: script._upgrade_revs(head, revision),  # noqa: SLF001 - what `alembic upgrade` calls
        destination_rev=head,
    )
    context.configure(
        connection=connection,
        version_table=tree.version_table,
        version_table_schema=tree.schema,
        transactional_ddl=True,
    )
    context.run_migrations()


async def upgrade(engine: AsyncEngine, trees: Sequence[Tree]) -> None:
    """Bring every tree to its head, in one transaction: all or nothing, and safe to run by many at once."""
    async with engine.begin() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", _send_whole, retval=True)
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        for tree in trees:
            await connection.run_sync(_upgrade, tree)


async def behind(engine: AsyncEngine, trees: Sequence[Tree]) -> list[str]:
    """The schemas whose version is not the head of their tree."""
    late: list[str] = []
    async with engine.connect() as connection:
        for tree in trees:
            exists = await connection.scalar(
                text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f'"{tree.schema}"."{tree.version_table}"'}
            )
            current = (
                await connection.scalar(text(f'SELECT version_num FROM "{tree.schema}"."{tree.version_table}"'))
                if exists
                else None
            )
            if current != _head(tree):
                late.append(tree.schema)
    return late
