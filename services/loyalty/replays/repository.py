"""All SQL of replays: rows as they were told, and what the last comparison found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.loyalty.replays.domain.rows import Table, Told, Values
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Drift(NamedTuple):
    """What a table has, what the facts make of it, and how many rows at least only one of the two has."""

    name: str
    live_rows: int
    rebuilt_rows: int
    differing: int
    checked_at: datetime


async def keep(tx: WriteTx, found: Sequence[Drift]) -> None:
    """Replace what was found before."""
    await tx.execute("DELETE FROM replay_findings")
    for each in found:
        await tx.execute(
            "INSERT INTO replay_findings (name, live_rows, rebuilt_rows, differing, checked_at) "
            "VALUES (:name, :live_rows, :rebuilt_rows, :differing, :checked_at)",
            each._asdict(),
        )


async def found(tx: ReadTx) -> list[Drift]:
    """What the last comparison found; nothing before the first."""
    rows = await tx.execute(
        "SELECT name, live_rows, rebuilt_rows, differing, checked_at FROM replay_findings ORDER BY name"
    )
    return [Drift._make(row) for row in rows]


async def put(tx: WriteTx, table: Table, rows: Sequence[Told]) -> None:
    """Store rows as they were told, one state of each; what is later already stays."""
    keys = list(table.kinds)[: table.keys]
    parents = [] if table.parent is None else sorted({each.values[table.place(table.parent)] for each in rows} - {None})
    if table.before is not None:
        await tx.execute(table.before, {"keys": parents})
    await insert_rows(
        tx,
        table.name,
        table.kinds,
        [each.values for each in rows],
        f"ON CONFLICT ({', '.join(keys)}) {_on_conflict(table, keys)}",
    )
    if table.after is not None:
        await tx.execute(table.after, {"keys": parents})


def _on_conflict(table: Table, keys: Sequence[str]) -> str:
    if table.version is None:
        return "DO NOTHING"
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in table.kinds if name not in keys)
    old, new = (table.version.format(row=row) for row in (table.name, "EXCLUDED"))
    return f"DO UPDATE SET {replaced} WHERE {old} <= {new}"


async def settle(tx: WriteTx, statements: Sequence[str]) -> None:
    """Work out what follows from rows."""
    for statement in statements:
        await tx.execute(statement)


async def versions(tx: ReadTx, table: Table, ids: set[Any]) -> dict[Values, int]:
    """The states that were told of all rows that are found by these ids, by their keys."""
    keys = ", ".join(f"t.{name}" for name in list(table.kinds)[: table.keys])
    version = "0" if table.version is None else table.version.format(row="t")
    found = await tx.execute(
        f"SELECT {keys}, {version} AS state FROM {table.as_told} AS t "
        f"WHERE t.{table.found_by} = ANY(CAST(:ids AS {table.kinds[table.found_by]}[]))",
        {"ids": list(ids)},
    )
    return {tuple(row[:-1]): row[-1] for row in found}
