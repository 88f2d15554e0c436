"""The sums that figures are read from: what changes is added, and what comes to nothing has no row."""

from services.metrics.subscriptions.domain.lives import Tally
from shared.db.engine import WriteTx
from shared.db.sums import Sums, add_sums

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


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add a tally. Rows are touched in ascending order of their keys."""
    await add_sums(
        tx,
        (_MOVES, [(*key, *sums) for key, sums in tally.moves.items() if any(sums)]),
        (_SPELLS, [(*key, people) for key, people in tally.spells.items() if people]),
        (_COHORTS, [(*key, *sums) for key, sums in tally.cohorts.items() if any(sums)]),
        (_TERMS, [(*key, *sums) for key, sums in tally.terms.items() if any(sums)]),
    )


async def clear(tx: WriteTx) -> None:
    """Forget all sums; who reads meanwhile still sees them."""
    for table in TABLES:
        await tx.execute(f"DELETE FROM {table}")
