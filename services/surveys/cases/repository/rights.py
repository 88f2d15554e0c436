"""What cases keep of a person, and how it is forgotten."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

_OURS = "(SELECT id FROM cases WHERE person = ANY(:keys))"
_PLACES = {
    "cases": "SELECT to_jsonb(t) AS row FROM cases AS t WHERE person = ANY(:keys) ORDER BY opened_at, id",
    "case_history": f"SELECT to_jsonb(t) AS row FROM case_history AS t WHERE case_id IN {_OURS} "
    "ORDER BY case_id, number",
    "case_notes": f"SELECT to_jsonb(t) AS row FROM case_notes AS t WHERE case_id IN {_OURS} ORDER BY case_id, number",
    "case_recoveries": f"SELECT to_jsonb(t) AS row FROM case_recoveries AS t WHERE case_id IN {_OURS} "
    "ORDER BY case_id, at",
    "case_improvements_told": "SELECT to_jsonb(t) AS row FROM case_improvements_told AS t WHERE person = ANY(:keys) "
    "ORDER BY at, improvement_id",
}


async def sections(tx: ReadTx, keys: Collection[UUID]) -> AsyncIterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """What is kept of the person with these raw keys: by table, where there is anything."""
    for name, statement in _PLACES.items():
        rows = [row.row for row in await tx.execute(statement, {"keys": list(keys)})]
        if rows:
            yield name, rows


async def forget(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Empty what staff wrote about the person, and what was found in their texts; of how many rows.

    The cases stay under the pseudonymous key, with what came of them. Of improvements the person is told no more.
    """
    values = {"keys": list(keys)}
    # In the order in which everybody locks cases.
    await tx.execute(f"SELECT FROM cases WHERE id IN {_OURS} ORDER BY id FOR NO KEY UPDATE", values)
    notes = await tx.execute(f"UPDATE case_notes SET text = NULL WHERE text IS NOT NULL AND case_id IN {_OURS}", values)
    cases = await tx.execute(
        "UPDATE cases SET themes = '{}', is_forgotten = true WHERE person = ANY(:keys) AND NOT is_forgotten", values
    )
    return {"case_notes (words)": notes.rowcount, "cases (themes)": cases.rowcount}
