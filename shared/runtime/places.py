"""The schema in which something is rebuilt: one of its own, or the one that the role of a service was given.

An owner makes a schema for each run, and drops it. The role of a service may make none (`shared/runtime/grants.py`):
it has one place, which is empty between runs. What a killed process left there, or in a schema of its own, goes with
the next run, unless that goes on with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.engine import ReadTx, make_engine
from shared.errors import UserError
from shared.ids import uuid7

_MAY_MAKE = "SELECT has_database_privilege(current_database(), 'CREATE')"
_WAS_GIVEN = "SELECT coalesce(has_schema_privilege(CAST(to_regnamespace(:place) AS oid), 'CREATE'), false)"
_LOCK = "SELECT pg_try_advisory_lock(7265, hashtext(:place))"
_UNLOCK = "SELECT pg_advisory_unlock(7265, hashtext(:place))"
# Said of a table in the place: for which run it was made.
_MARK = "alembic_version"
_EMPTY = """
    DO $$ DECLARE statement text; BEGIN
        FOR statement IN
            SELECT format('DROP TABLE IF EXISTS %s CASCADE', CAST(oid AS regclass)) FROM pg_class
            WHERE relnamespace = CAST('"{place}"' AS regnamespace) AND relkind IN ('r', 'p')
            UNION ALL
            SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', CAST(oid AS regprocedure)) FROM pg_proc
            WHERE pronamespace = CAST('"{place}"' AS regnamespace)
        LOOP
            EXECUTE statement;
        END LOOP;
    END $$
"""


class PlaceTaken(UserError):
    """Another process rebuilds something in the only place that there is."""

    exit_code = 3


class Place(NamedTuple):
    """A schema to rebuild in; `is_given`: it stays, empty. `was_begun`: what an earlier process did for it is there."""

    schema: str
    is_given: bool
    was_begun: bool


def beside(service: str) -> str:
    """The schema that the role of a service rebuilds in."""
    return f"{service}_beside"


async def may_rebuild(tx: ReadTx, service: str) -> bool:
    """Whether this role has a place for what the service rebuilds, or may make one."""
    if (await tx.execute(_MAY_MAKE)).scalar_one():
        return True
    return bool((await tx.execute(_WAS_GIVEN, {"place": beside(service)})).scalar_one())


@asynccontextmanager
async def opened(url: str, service: str, run: str | None) -> AsyncIterator[Place]:
    """A place that nobody else rebuilds in; whoever is done clears it (`clear`).

    Of a `run` with a name what an earlier process did is still there: there is one process at a time that has it.

    Raises:
        PlaceTaken: there is one place, and another process is at work in it.
    """
    engine = make_engine(url, schema="public", pool_size=None, application="tam-rebuild")
    try:
        async with engine.connect() as keeper:
            await keeper.execution_options(isolation_level="AUTOCOMMIT")
            is_given = not await keeper.scalar(text(_MAY_MAKE))
            if not is_given:
                await _clear_left(keeper, f"{service}_rebuilt_")
            schema = beside(service) if is_given else run or f"{service}_rebuilt_{uuid7().hex[-8:]}"
            if run is None and not await keeper.scalar(text(_LOCK), {"place": schema}):
                raise PlaceTaken(f"Another process rebuilds in {schema}: try again when it is done.")
            was_begun = run is not None and (not is_given or await _mark(keeper, schema) == run)
            if is_given and not was_begun:
                await keeper.execute(text(_EMPTY.format(place=schema)))
            # The lock is that of this session: it goes with the process, however that ends.
            yield Place(schema, is_given, was_begun)
    finally:
        await engine.dispose()


async def begin(connection: AsyncConnection, place: Place, run: str | None) -> None:
    """Say for which run the tables of a place were made."""
    if place.is_given and run is not None:
        await connection.execute(text(f"COMMENT ON TABLE \"{place.schema}\".{_MARK} IS '{run}'"))


async def clear(connection: AsyncConnection, place: Place) -> None:
    """Nothing is left of what was rebuilt."""
    what = _EMPTY.format(place=place.schema) if place.is_given else f'DROP SCHEMA IF EXISTS "{place.schema}" CASCADE'
    await connection.execute(text(what))


async def _mark(connection: AsyncConnection, schema: str) -> str | None:
    found: str | None = await connection.scalar(
        text("SELECT obj_description(CAST(to_regclass(:table) AS oid), 'pg_class')"),
        {"table": f'"{schema}".{_MARK}'},
    )
    return found


async def _clear_left(connection: AsyncConnection, prefix: str) -> None:
    """Drop what processes left that were killed: schemas that nobody holds."""
    found = await connection.execute(
        text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix)"), {"prefix": prefix}
    )
    for schema in found.scalars().all():
        if await connection.scalar(text(_LOCK), {"place": schema}):
            await connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
            await connection.execute(text(_UNLOCK), {"place": schema})
