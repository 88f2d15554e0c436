"""Sums that are kept row by row: differences are added in one statement, and what comes to nothing has no row.

The rows of a sum are many workers' at once, and locked from when it is added to until the transaction ends: so all
sums of a batch go in one statement, as the last thing but the commit. Only rows that came to nothing, or to less, are
answered by the server; a second statement removes those of all tables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.db.arrays import Column, literal
from shared.db.bulk import array_of
from shared.db.engine import WriteTx

_MOST = 2**63 - 1
_Columns = tuple[tuple[str, str], ...]
# Name and kind of what is sent, and whether it travels as a text.
_SentColumn = tuple[str, str, bool]
_SentColumns = tuple[_SentColumn, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """A table of sums, of one or more columns (name → PostgreSQL type) by `keys`.

    `unique` are the columns of the index that makes keys unique, where they are in another order there. Rows are
    locked in ascending order of `keys`. `short` is the condition, in SQL, in which more was taken out than was in;
    where nothing is said, that a sum is negative.
    """

    table: str
    keys: Mapping[str, str]
    sums: Mapping[str, str]
    unique: tuple[str, ...] = ()
    short: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Keys, and then sums."""
        return {**self.keys, **self.sums}


# Rows to add: tuples in the order of the columns.
Added = tuple[Sums, Iterable[tuple[Any, ...]]]
# The same by columns, which are lists or arrays of numpy; rows are in ascending order of their keys.
AddedColumns = tuple[Sums, Sequence[Column]]


async def add_sums(tx: WriteTx, *added: Added) -> None:
    """Add rows to those of each table; tables are touched in this order, which must be the same everywhere.

    Raises:
        RuntimeError: more was taken out than was in.
    """
    await add_columns(tx, *((of, columns_of(sorted(rows))) for of, rows in added))


def columns_of(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows by columns: none of no rows."""
    return list(map(list, zip(*rows, strict=True)))


async def add_columns(tx: WriteTx, *added: AddedColumns) -> None:
    """Add rows as `add_sums` does.

    Raises:
        RuntimeError: more was taken out than was in.
    """
    parts = [(of, columns) for of, columns in added if columns and len(columns[0])]
    if not parts:
        return
    values: dict[str, Any] = {}
    sent: list[tuple[_Part, _SentColumns]] = []
    for number, (of, given) in enumerate(parts):
        columns: list[_SentColumn] = []
        for (name, declared), column in zip(of.columns.items(), given, strict=True):
            # A whole number travels in a third of the time that a numeric takes, and as a text in less.
            kind = _sent(declared, column)
            text = literal(kind, column)
            columns.append((name, kind, text is not None))
            values[f"p{number}_{name}"] = column if text is None else text
        sent.append((_part(of), tuple(columns)))
    found = (await tx.execute(_add(tuple(sent)), values)).fetchall()
    if not found:
        return
    if any(row.is_short for row in found):
        # A bug, never a matter of what was sent: better stand still, visibly, than show figures that are wrong.
        names = sorted({parts[row.part][0].table for row in found if row.is_short})
        raise RuntimeError(f"more was taken out of {', '.join(names)} than was in it")
    gone: dict[int, list[Sequence[str]]] = {}
    for row in found:
        gone.setdefault(row.part, []).append(row.key)
    keys = {
        f"k{number}_{name}": list(column)
        for number, rows in sorted(gone.items())
        for name, column in zip(parts[number][0].keys, zip(*rows, strict=True), strict=True)
    }
    await tx.execute(_remove(tuple((number, _part(parts[number][0])) for number in sorted(gone))), keys)


def _sent(kind: str, values: Column) -> str:
    return "bigint" if kind == "numeric" and max(map(abs, values)) <= _MOST else kind


# What statements depend on, to be looked up by: table, keys, sums, unique, short.
_Part = tuple[str, _Columns, tuple[str, ...], tuple[str, ...], str]


def _part(of: Sums) -> _Part:
    short = of.short or f"least({', '.join(of.sums)}) < 0"
    return of.table, tuple(of.keys.items()), tuple(of.sums), of.unique or tuple(of.keys), short


@lru_cache(maxsize=512)
def _add(parts: tuple[tuple[_Part, _SentColumns], ...]) -> str:
    changes: list[str] = []
    found: list[str] = []
    for number, ((table, keys, sums, unique, short), sent) in enumerate(parts):
        arrays = ", ".join(array_of(f"p{number}_{name}", kind, is_text=is_text) for name, kind, is_text in sent)
        added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in sums)
        nothing = " AND ".join(f"{name} = 0" for name in sums)
        names = ", ".join(name for name, _ in keys)
        key = ", ".join(f"CAST({name} AS text)" for name, _ in keys)
        given = ", ".join(name for name, *_ in sent)
        changes.append(
            f"c{number} AS (INSERT INTO {table} ({given}) SELECT * FROM unnest({arrays}) "
            f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {added} RETURNING {names}, {', '.join(sums)})"
        )
        found.append(
            f"SELECT {number} AS part, ARRAY[{key}] AS key, {short} AS is_short FROM c{number} "
            f"WHERE ({short}) OR {nothing}"
        )
    return f"WITH {', '.join(changes)} {' UNION ALL '.join(found)}"


@lru_cache(maxsize=256)
def _remove(parts: tuple[tuple[int, _Part], ...]) -> str:
    removed: list[str] = []
    for number, (table, keys, *_) in parts:
        # They came as texts, of whatever kind they are.
        arrays = ", ".join(f"CAST(CAST(:k{number}_{name} AS text[]) AS {kind}[])" for name, kind in keys)
        same = " AND ".join(f"{table}.{name} = gone.{name}" for name, _ in keys)
        names = ", ".join(name for name, _ in keys)
        removed.append(f"DELETE FROM {table} USING unnest({arrays}) AS gone({names}) WHERE {same}")
    *others, last = removed
    before = ", ".join(f"d{number} AS ({each})" for number, each in enumerate(others))
    return f"WITH {before} {last}" if before else last
