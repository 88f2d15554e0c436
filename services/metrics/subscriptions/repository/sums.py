"""The sums that figures are read from: what changes is added, and what comes to nothing has no row."""

from services.metrics.subscriptions.domain.lives import Tally
from shared.db.engine import WriteTx
from shared.db.sums import add_sums

# What hangs on the firm's policy, and is counted anew when that changes.
TABLES = ("subscription_moves", "subscription_spells", "subscription_cohorts", "subscription_terms")
_MOVE = {"day": "int", "kind": "text", "cause": "text", "currency": "text"}
_SPELL = {"started": "int", "ended": "int", "back": "int", "cause": "text"}
_COHORT = {"month": "int", "day": "int", "currency": "text"}
_TERM = {"period": "text", "currency": "text", "started": "int", "lost_at": "int"}
_PEOPLE = {"people": "bigint"}
_MONEY = {**_PEOPLE, "minor": "numeric"}


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add a tally. Rows are touched in ascending order of their keys; of departures money is negative."""
    moves = [(*key, *sums) for key, sums in tally.moves.items() if any(sums)]
    spells = [(*key, people) for key, people in tally.spells.items() if people]
    cohorts = [(*key, *sums) for key, sums in tally.cohorts.items() if any(sums)]
    terms = [(*key, *sums) for key, sums in tally.terms.items() if any(sums)]
    await add_sums(tx, "subscription_moves", _MOVE, _MONEY, moves, short="false")
    await add_sums(tx, "subscription_spells", _SPELL, _PEOPLE, spells)
    await add_sums(tx, "subscription_cohorts", _COHORT, _MONEY, cohorts, short="false")
    await add_sums(tx, "subscription_terms", _TERM, _MONEY, terms)


async def clear(tx: WriteTx) -> None:
    """Forget all sums; who reads meanwhile still sees them."""
    for table in TABLES:
        await tx.execute(f"DELETE FROM {table}")
