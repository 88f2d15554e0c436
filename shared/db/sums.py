"""Sums that are kept row by row: differences are added in one statement, and what comes to nothing has no row.

Only rows that came to nothing, or to less, are answered by the server: nearly always there is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from shared.db.engine import WriteTx

_MOST = 2**63 - 1
_Columns = tuple[tuple[str, str], ...]


async def add_sums(
    tx: WriteTx,
    table: str,
    keys: Mapping[str, str],
    sums: Mapping[str, str],
    rows: Iterable[tuple[Any, ...]],
    *,
    unique: Sequence[str] = (),
    short: str | None = None,
) -> None:
    """Add `rows`, tuples in the order of `keys` and then `sums` (name → PostgreSQL type), to those of the table.

    `unique` are the columns of the index that makes keys unique, where they are in another order there. Rows are
    locked in ascending order of `keys`. `short` is the condition, in SQL, in which more was taken out than was in;
    where nothing is said, that a sum is negative.

    Raises:
        RuntimeError: more was taken out than was in.
    """
    ordered = sorted(rows)
    if not ordered:
        return
    columns = list(map(list, zip(*ordered, strict=True)))
    names = (*keys, *sums)
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    # A whole number travels in a third of the time that a numeric takes.
    sent = tuple((name, _sent(kind, values[name])) for name, kind in (*keys.items(), *sums.items()))
    statement = _add(table, sent, tuple(keys), tuple(sums), tuple(unique or keys), short)
    found = (await tx.execute(statement, values)).fetchall()
    if not found:
        return
    if any(row[-1] for row in found):
        # A bug, never a matter of what was sent: better stand still, visibly, than show figures that are wrong.
        raise RuntimeError(f"more was taken out of {table} than was in it")
    gone = zip(*(row[: len(keys)] for row in found), strict=True)
    await tx.execute(_remove(table, tuple(keys.items())), dict(zip(keys, map(list, gone), strict=True)))


def _sent(kind: str, values: Sequence[Any]) -> str:
    return "bigint" if kind == "numeric" and max(map(abs, values)) <= _MOST else kind


@lru_cache(maxsize=256)
def _add(
    table: str, sent: _Columns, keys: Sequence[str], sums: Sequence[str], unique: Sequence[str], short: str | None
) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in sent)
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in sums)
    short = short or f"least({', '.join(sums)}) < 0"
    nothing = " AND ".join(f"{name} = 0" for name in sums)
    return f"""
        WITH changed AS (
            INSERT INTO {table} ({", ".join(name for name, _ in sent)}) SELECT * FROM unnest({arrays})
            ON CONFLICT ({", ".join(unique)}) DO UPDATE SET {added}
            RETURNING {", ".join((*keys, *sums))}
        )
        SELECT {", ".join(keys)}, {short} AS is_short FROM changed WHERE ({short}) OR {nothing}
    """


@lru_cache(maxsize=64)
def _remove(table: str, keys: _Columns) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in keys)
    same = " AND ".join(f"{table}.{name} = gone.{name}" for name, _ in keys)
    return f"DELETE FROM {table} USING unnest({arrays}) AS gone({', '.join(name for name, _ in keys)}) WHERE {same}"
