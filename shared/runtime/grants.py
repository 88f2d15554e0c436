"""What the database role of each service may do: read and write its own rows, and read what all services share.

No role of a service owns a table that is in use, can make or drop one, or sees anything of another service. A service
that rebuilds what it has, to compare it, has an empty schema for that alone. The bus is Kafka where
services have roles of their own: of the PostgreSQL log they may see nothing but whether it is up to date.
"""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.migrate import Tree
from shared.runtime.places import beside
from shared.runtime.trees import BUS_SCHEMA, PLATFORM_SCHEMA

# Every service verifies keys and notes their use, keeps the audit log, and may be the first that knows its key.
_OF_THE_PLATFORM = (
    f"GRANT USAGE ON SCHEMA {PLATFORM_SCHEMA}, {BUS_SCHEMA} TO {{role}}",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA {PLATFORM_SCHEMA} TO {{role}}",
    f"GRANT UPDATE (last_used_at) ON {PLATFORM_SCHEMA}.api_keys TO {{role}}",
    f"GRANT INSERT ON {PLATFORM_SCHEMA}.audit, {PLATFORM_SCHEMA}.installation TO {{role}}",
)
_OF_ITS_OWN = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
)
# Its own role makes tables there, and drops them: they are nobody's but of that moment.
_TO_REBUILD = (
    "CREATE SCHEMA IF NOT EXISTS {place}",
    "GRANT USAGE, CREATE ON SCHEMA {place} TO {role}",
)


def role_of(service: str, prefix: str) -> str:
    """The name of a service's role: `tam_loyalty` for the prefix `tam_`."""
    return prefix + service


async def grant(
    engine: AsyncEngine,
    trees: Sequence[Tree],
    services: Sequence[str],
    *,
    prefix: str,
    rebuilding: Collection[str] = (),
) -> None:
    """Give each service's role what it needs, in one transaction; run after every migration, for new tables.

    Those in `rebuilding` have a place to rebuild in (`shared/runtime/places.py`).

    Raises:
        DBAPIError: a role does not exist, or we may not grant.
    """
    async with engine.begin() as connection:
        for service in services:
            for statement in _statements(trees, service, role_of(service, prefix)):
                await connection.execute(text(statement))
            if service in rebuilding:
                names = {"place": _quoted(beside(service)), "role": _quoted(role_of(service, prefix))}
                for statement in _TO_REBUILD:
                    await connection.execute(text(statement.format_map(names)))


def _statements(trees: Sequence[Tree], service: str, role: str) -> Iterator[str]:
    names = {"schema": _quoted(service), "role": _quoted(role)}
    for statement in (*_OF_THE_PLATFORM, *_OF_ITS_OWN):
        yield statement.format_map(names)
    for tree in trees:
        table = f"{_quoted(tree.schema)}.{_quoted(tree.version_table)}"
        if tree.schema == service:
            # Which migrations ran is for whoever runs them to write.
            yield f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {names['role']}"
        elif tree.schema == BUS_SCHEMA:
            yield f"GRANT SELECT ON {table} TO {names['role']}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
