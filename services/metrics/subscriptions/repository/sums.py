"""The sums that figures are read from: what changes is added, and what comes to nothing has no row."""

from collections.abc import Iterable, Mapping, Sequence

from services.metrics.subscriptions.domain.lives import Tally
from shared.db.engine import WriteTx

# What hangs on the firm's policy, and is counted anew when that changes.
TABLES = ("subscription_moves", "subscription_spells", "subscription_cohorts", "subscription_terms")
_TEXTS = {"kind", "cause", "currency", "period"}


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add a tally. Rows are touched in ascending order of their keys."""
    moves = [(*key, *sums) for key, sums in tally.moves.items() if any(sums)]
    spells = [(*key, people) for key, people in tally.spells.items() if people]
    cohorts = [(*key, *sums) for key, sums in tally.cohorts.items() if any(sums)]
    terms = [(*key, *sums) for key, sums in tally.terms.items() if any(sums)]
    money = ("people", "minor")
    await _add(tx, "subscription_moves", ("day", "kind", "cause", "currency"), money, moves)
    await _add(tx, "subscription_spells", ("started", "ended", "back", "cause"), ("people",), spells)
    await _add(tx, "subscription_cohorts", ("month", "day", "currency"), money, cohorts)
    await _add(tx, "subscription_terms", ("period", "currency", "started", "lost_at"), money, terms)


async def clear(tx: WriteTx) -> None:
    """Forget all sums; who reads meanwhile still sees them."""
    for table in TABLES:
        await tx.execute(f"DELETE FROM {table}")


async def _add(
    tx: WriteTx, table: str, keys: Sequence[str], sums: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    ordered = sorted(rows)
    if not ordered:
        return
    names = (*keys, *sums)
    arrays = ", ".join(f"CAST(:{name} AS {_type(name)}[])" for name in names)
    values: Mapping[str, list[object]] = dict(zip(names, map(list, zip(*ordered, strict=True)), strict=True))
    emptied = await tx.execute(
        f"""
        WITH changed AS (
            INSERT INTO {table} ({", ".join(names)}) SELECT * FROM unnest({arrays})
            ON CONFLICT ({", ".join(keys)}) DO UPDATE SET
                {", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in sums)}
            RETURNING {", ".join(names)}
        )
        SELECT {", ".join(keys)} FROM changed WHERE ({", ".join(sums)}) = ({", ".join("0" for _ in sums)})
        """,
        values,
    )
    gone = emptied.fetchall()
    if gone:
        columns = zip(*gone, strict=True)
        picked = ", ".join(f"CAST(:{name} AS {_type(name)}[])" for name in keys)
        same = " AND ".join(f"{table}.{name} = gone.{name}" for name in keys)
        await tx.execute(
            f"DELETE FROM {table} USING unnest({picked}) AS gone({', '.join(keys)}) WHERE {same}",
            {key: list(column) for key, column in zip(keys, columns, strict=True)},
        )


def _type(name: str) -> str:
    return "text" if name in _TEXTS else "bigint" if name == "people" else "numeric" if name == "minor" else "int"
