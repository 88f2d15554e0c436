"""A digest of each table: how many rows it has, and the sum of their hashes, whatever order they are stored in.

One pass and no sort, so that it costs a large table no memory. Sums tell apart what was damaged, lost or doubled; they
are no defence against somebody who makes rows up.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

# The text of a row must be the same in every session.
SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmloption": "content",
}
_HALF = "coalesce(sum(CAST(CAST(CAST('x' || substr(hash, {start}, 16) AS bit(64)) AS bigint) AS numeric)), 0)"
_TABLES = """
    SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = ANY($1::text[]) ORDER BY 1, 2
"""


class Table(NamedTuple):
    """A table of a schema."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """As SQL has it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def quoted(name: str) -> str:
    """An identifier as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def digest_of(table: Table) -> str:
    """The query of a table's digest, a text such as `3:-17:42`."""
    halves = f"{_HALF.format(start=1)} || ':' || {_HALF.format(start=17)}"
    return (
        f"SELECT count(*) || ':' || {halves} "
        f"FROM (SELECT md5(CAST(whole_row AS text)) AS hash FROM ONLY {table.quoted} AS whole_row) AS hashes"
    )


def rows_in(digest: str) -> int:
    """How many rows a digest was made of."""
    return int(digest.partition(":")[0])


async def tables_of(connection: asyncpg.Connection, schemas: Sequence[str]) -> list[Table]:
    """The tables of these schemas, parts of partitioned ones among them."""
    return [Table(*row) for row in await connection.fetch(_TABLES, list(schemas))]


async def digests(connection: asyncpg.Connection, tables: Sequence[Table]) -> dict[str, str]:
    """The digests of tables by their names, as one transaction sees them; the session has the settings of `SESSION`."""
    return {f"{table.schema}.{table.name}": await connection.fetchval(digest_of(table)) for table in tables}


def check_script(expected: Mapping[str, str]) -> str:
    """SQL that raises `tam:different <table>` where a table has not the digest expected of it."""
    lines = [f"SET LOCAL {name} = '{value}';" for name, value in SESSION.items()]
    lines += ["DO $tam$ BEGIN"]
    for name, digest in sorted(expected.items()):
        table = Table(*name.split(".", 1))
        lines.append(f"IF ({digest_of(table)}) <> '{digest}' THEN")
        lines.append(f"RAISE EXCEPTION 'tam:different {name}'; END IF;")
    return "\n".join([*lines, "END $tam$;", ""])
