"""Brings schemas up to date with Alembic: each service has its own tree and its own version table.

What every service carries (outbox, inbox, offsets, …) is a tree of the shared room that owns it, run in the service's
schema with a version table of its own. Migrations are additive, so that old and new processes can run side by side.

Old processes work while a migration runs: it waits for a lock for two seconds at most, gives all back and tries again,
for whoever waits for a lock on a table holds up all who come after. What takes long runs outside of a transaction: a
script names it in `online`, indexes made CONCURRENTLY and UPDATEs of some rows that are repeated until none is left.
It runs before the script's own part, from the beginning again if it was interrupted.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
from alembic.config import Config
from alembic.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import await_only

from shared.errors import UserError

# Any process may migrate; this advisory lock lets one do it, and none while a back-up holds it with others.
LOCK = 7_261_001
LOCK_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
# A table of a hundred million rows is indexed in minutes: other statements have a minute.
STATEMENT_SECONDS = 86_400.0
_DEFINES = re.compile(r"\s*(ALTER|CREATE|DROP|COMMENT|DO)\b", re.IGNORECASE)
_INDEX = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(\w+)", re.IGNORECASE)
_REPEATED = re.compile(r"\s*(UPDATE|DELETE)\b", re.IGNORECASE)
# lock_not_available, deadlock_detected
_IN_THE_WAY = ("55P03", "40P01")


@dataclass(frozen=True, slots=True)
class Tree:
    """A migration tree: a folder with `versions/`, the schema it applies to, and the name of its version table."""

    folder: Path
    schema: str
    version_table: str


# Called with the schemas whose tables are locked by others, before each new attempt.
Waits = Callable[[Sequence[str]], None]


class Unmigrated(UserError):
    """The schemas could not be brought up to date; nothing was changed by what failed."""


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
    """Send a script of several statements as it is: the extended protocol, the driver's default, takes only one.

    What defines something goes the same way, for it may take its time.
    """
    is_several = ";" in statement.rstrip().rstrip(";")
    if parameters or not (is_several or _DEFINES.match(statement)):
        return statement, parameters
    driver: Any = connection.connection.driver_connection
    await_only(driver.execute(statement, timeout=STATEMENT_SECONDS))
    return "SELECT", parameters


@cache
def _head(tree: Tree) -> str | None:
    """The newest revision; remembered, because whoever waits for a migration asks again and again."""
    return _script(tree).get_current_head()


@cache
def _revisions(tree: Tree) -> frozenset[str]:
    return frozenset(script.revision for script in _script(tree).walk_revisions())


def knows(tree: Tree, revision: str) -> bool:
    """Whether the tree has this revision."""
    return revision in _revisions(tree)


def online_of(script: Script) -> tuple[str, ...]:
    """What a script has run outside of a transaction, before its own part."""
    return tuple(getattr(script.module, "online", ()))


def _pending(tree: Tree, current: str | None) -> Iterator[Script]:
    """The scripts that are still to be run, the first one first."""
    for script in reversed(list(_script(tree).walk_revisions())):
        if current is None:
            yield script
        elif script.revision == current:
            current = None


def _upgrade(connection: Connection, tree: Tree, target: str) -> None:
    script = _script(tree)
    # Where there is one already, nobody has to be allowed to make it.
    if connection.scalar(text("SELECT to_regnamespace(:name) IS NULL"), {"name": f'"{tree.schema}"'}):
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{tree.schema}"'))
    connection.execute(text(f'SET LOCAL search_path TO "{tree.schema}"'))
    context = EnvironmentContext(
        _config(tree),
        script,
        fn=lambda revision, _: script._upgrade_revs(target, revision),  # noqa: SLF001 - what `alembic upgrade` calls
        destination_rev=target,
    )
    context.configure(
        connection=connection,
        version_table=tree.version_table,
        version_table_schema=tree.schema,
        transactional_ddl=True,
    )
    context.run_migrations()


async def upgrade(
    engine: AsyncEngine,
    trees: Sequence[Tree],
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    waits: Waits = lambda _: None,
) -> None:
    """Bring every tree to its head; safe to run by many at once, and beside processes that work.

    What does not run `online` is one transaction: all or nothing.

    Raises:
        Unmigrated: a lock was not to be had for so long.
    """
    until = monotonic() + patience_seconds
    if not await behind(engine, trees):
        return
    async with _alone(engine, until):
        while late := await _late(engine, trees):
            online = await _patiently(engine, late, until, waits)
            for tree, script in online:
                for statement in online_of(script):
                    await _run_online(engine, tree, statement, until)
                await _patiently(engine, {tree: [script]}, until, waits, is_prepared=True)


async def _late(engine: AsyncEngine, trees: Sequence[Tree]) -> dict[Tree, list[Script]]:
    """The scripts to be run, by tree."""
    async with engine.connect() as connection:
        found = {tree: list(_pending(tree, await _current(connection, tree))) for tree in trees}
    return {tree: scripts for tree, scripts in found.items() if scripts}


@asynccontextmanager
async def _alone(engine: AsyncEngine, until: float) -> AsyncIterator[None]:
    """Hold the lock of migrations; whoever waits for it holds nothing, no snapshot either, that others wait for."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        pause = 0.05
        while not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            if monotonic() > until:
                raise Unmigrated("Another process migrates, or a back-up runs: try again when it is done.")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


async def _patiently(
    engine: AsyncEngine, late: dict[Tree, list[Script]], until: float, waits: Waits, *, is_prepared: bool = False
) -> list[tuple[Tree, Script]]:
    """Run scripts in one transaction, up to the first of each tree that has something `online`; those that have.

    With `is_prepared` that was done already.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await _together(engine, late, is_prepared=is_prepared)
        except (asyncpg.PostgresError, DBAPIError) as error:
            if state_of(error) not in _IN_THE_WAY:
                raise
            if monotonic() + pause > until:
                raise Unmigrated(
                    "A table that is to be changed stays locked: somebody holds a transaction open."
                ) from None
            waits(sorted({tree.schema for tree in late}))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


async def _together(
    engine: AsyncEngine, late: dict[Tree, list[Script]], *, is_prepared: bool
) -> list[tuple[Tree, Script]]:
    left: list[tuple[Tree, Script]] = []
    async with engine.begin() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", _send_whole, retval=True)
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        for tree, scripts in late.items():
            target: str | None = None
            for script in scripts:
                if online_of(script) and not is_prepared:
                    left.append((tree, script))
                    break
                target = script.revision
            if target is not None:
                await connection.run_sync(_upgrade, tree, target)
    return left


async def _run_online(engine: AsyncEngine, tree: Tree, statement: str, until: float) -> None:
    """Run a statement by itself; an index that was left half made is made anew, an UPDATE repeated until it finds none.

    Raises:
        Unmigrated: a lock was not to be had.
    """
    while True:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(f"SET search_path TO \"{tree.schema}\"; SET lock_timeout = '{LOCK_SECONDS}s'")
            try:
                if (index := _INDEX.match(statement)) is not None:
                    await _drop_half_made(driver, tree.schema, index[1])
                    # It waits for transactions, not in anybody's way.
                    await driver.execute("SET lock_timeout = 0")
                status = await driver.execute(statement, timeout=STATEMENT_SECONDS)
                if not _REPEATED.match(statement) or status.endswith(" 0"):
                    return
            except asyncpg.PostgresError as error:
                if state_of(error) not in _IN_THE_WAY:
                    raise
                if monotonic() > until:
                    raise Unmigrated("Rows that are to be changed stay locked.") from None
            finally:
                await driver.execute("RESET search_path; RESET lock_timeout")
        await asyncio.sleep(0.01)


async def _drop_half_made(driver: Any, schema: str, index: str) -> None:
    is_half = await driver.fetchval(
        "SELECT NOT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
        schema,
        index,
    )
    if is_half:
        await driver.execute(f'DROP INDEX CONCURRENTLY "{index}"', timeout=STATEMENT_SECONDS)


def state_of(error: BaseException) -> str:
    """PostgreSQL's code of an error, from the driver or through SQLAlchemy."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None))


async def _current(connection: AsyncConnection, tree: Tree) -> str | None:
    exists = await connection.scalar(
        text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f'"{tree.schema}"."{tree.version_table}"'}
    )
    if not exists:
        return None
    found: str | None = await connection.scalar(text(f'SELECT version_num FROM "{tree.schema}"."{tree.version_table}"'))
    return found


def _is_behind(tree: Tree, current: str | None) -> bool:
    # A revision that is not known is that of a newer release: it only added to what is used here.
    return current is None or (current != _head(tree) and knows(tree, current))


async def behind(engine: AsyncEngine, trees: Sequence[Tree]) -> list[str]:
    """The schemas whose version comes before the head of their tree."""
    async with engine.connect() as connection:
        return [tree.schema for tree in trees if _is_behind(tree, await _current(connection, tree))]
