"""What pages keep of a person, and how it is forgotten."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

_CLICKS = "SELECT invitation_id, at, question_id, score, method, signals FROM score_intents WHERE person = ANY(:keys)"
_JUDGEMENTS = (
    "SELECT invitation_id, survey_id, verdict, reasons, question_id, score, last_at, clicks FROM intent_judgements "
    "WHERE person = ANY(:keys)"
)


async def sections(tx: ReadTx, keys: Collection[UUID]) -> AsyncIterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """What a person may see of it, by section. Keyed hashes of addresses say nothing to anybody, and stay."""
    for name, statement in (
        ("clicks", f"{_CLICKS} ORDER BY at, id"),
        ("clicks_judged", f"{_JUDGEMENTS} ORDER BY invitation_id"),
    ):
        rows = await tx.execute(statement, {"keys": list(keys)})
        yield name, [dict(row) for row in rows.mappings()]


async def forget(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Forget it; how many rows of each kind."""
    counts = {}
    for name, table in (("clicks", "score_intents"), ("clicks_judged", "intent_judgements")):
        rows = await tx.execute(f"DELETE FROM {table} WHERE person = ANY(:keys) RETURNING 1", {"keys": list(keys)})
        counts[name] = len(rows.all())
    return counts
