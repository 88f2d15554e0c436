"""The sums that figures are read from: what changes is added, and what comes to nothing has no row."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from services.metrics.subscriptions.domain.lives import Tally
from shared.db.engine import WriteTx
from shared.db.sums import Added, Sums, add_sums

# What hangs on the firm's policy, and is counted anew when that changes.
TABLES = ("subscription_moves", "subscription_spells", "subscription_cohorts", "subscription_terms")
_PEOPLE = {"people": "bigint"}
_MONEY = {**_PEOPLE, "minor": "numeric"}
# Departures are negative money: of movements and cohorts no sum says that too much was taken out.
_MOVES = Sums(TABLES[0], {"day": "int", "kind": "text", "cause": "text", "currency": "text"}, _MONEY, short="false")
_SPELLS = Sums(
    TABLES[1],
    {"started": "int", "ended": "int", "back": "int", "cause": "text"},
    _PEOPLE,
    ("ended", "started", "back", "cause"),
)
_COHORTS = Sums(TABLES[2], {"month": "int", "day": "int", "currency": "text"}, _MONEY, short="false")
_TERMS = Sums(
    TABLES[3],
    {"period": "text", "currency": "text", "started": "int", "lost_at": "int"},
    _MONEY,
    ("currency", "period", "started", "lost_at"),
)


# The same of a policy that not all history is counted by yet.
NEXT_TABLES = tuple(f"{table}_next" for table in TABLES)
_KEPT = (_MOVES, _SPELLS, _COHORTS, _TERMS)
_GROWING = tuple(replace(of, table=table) for of, table in zip(_KEPT, NEXT_TABLES, strict=True))


async def add(tx: WriteTx, tally: Tally | None, growing: Tally | None = None) -> None:
    """Add a tally, and one to what grows beside. Rows are touched in ascending order of their keys."""
    added: list[Added] = []
    for tables, each in ((_KEPT, tally), (_GROWING, growing)):
        if each is not None:
            added += zip(tables, _rows(each), strict=True)
    await add_sums(tx, *added)


def _rows(tally: Tally) -> Iterable[list[tuple[Any, ...]]]:
    yield [(*key, *sums) for key, sums in tally.moves.items() if any(sums)]
    yield [(*key, people) for key, people in tally.spells.items() if people]
    yield [(*key, *sums) for key, sums in tally.cohorts.items() if any(sums)]
    yield [(*key, *sums) for key, sums in tally.terms.items() if any(sums)]


async def forget_growing(tx: WriteTx) -> None:
    """Forget what has grown beside."""
    for table in NEXT_TABLES:
        await tx.execute(f"DELETE FROM {table}")


async def take_over(tx: WriteTx) -> None:
    """Let what has grown beside be the sums; who reads meanwhile still sees those of before."""
    for table, grown in zip(TABLES, NEXT_TABLES, strict=True):
        await tx.execute(f"DELETE FROM {table}")
        await tx.execute(f"INSERT INTO {table} SELECT * FROM {grown}")
    await forget_growing(tx)
