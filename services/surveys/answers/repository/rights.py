"""What responses keep of a person. Anonymous ones are nobody's: there is nothing by which to find them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

_OURS = "(SELECT id FROM responses WHERE person = ANY(:keys))"
_PLACES = {
    "responses": "SELECT to_jsonb(t) - 'words' AS row FROM responses AS t WHERE person = ANY(:keys) "
    "ORDER BY answered_at, id",
    "response_revisions": f"SELECT to_jsonb(t) AS row FROM response_revisions AS t WHERE response_id IN {_OURS} "
    "ORDER BY response_id, revision",
    "response_tags": f"SELECT to_jsonb(t) AS row FROM response_tags AS t WHERE response_id IN {_OURS} "
    "ORDER BY response_id, tag",
}
# An answer without its texts: of a choice what was chosen stays, of a text nothing does.
_WORDLESS = """
    (SELECT coalesce(jsonb_object_agg(said.key, said.value - 'text') FILTER (WHERE said.value - 'text' <> '{{}}'),
     '{{}}') FROM jsonb_each({answers}) AS said)
"""
_WORDS = "jsonb_path_exists({answers}, '$.*.text')"


async def sections(tx: ReadTx, keys: Collection[UUID]) -> AsyncIterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """What is kept of the person with these raw keys: by table, where there is anything."""
    for name, statement in _PLACES.items():
        rows = [row.row for row in await tx.execute(statement, {"keys": list(keys)})]
        if rows:
            yield name, rows


async def forget(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Empty what was written, and what leads to somebody else's record of them; of how many rows.

    Scores stay under the pseudonymous key, as the figures do that were made of them.
    """
    values = {"keys": list(keys)}
    tags = await tx.execute(f"DELETE FROM response_tags WHERE response_id IN {_OURS}", values)
    revisions = await tx.execute(
        f"UPDATE response_revisions SET answers = {_WORDLESS.format(answers='answers')} "
        f"WHERE response_id IN {_OURS} AND {_WORDS.format(answers='answers')}",
        values,
    )
    responses = await tx.execute(
        f"UPDATE responses SET answers = {_WORDLESS.format(answers='answers')}, words = NULL, language = NULL, "
        "themes = '{}', reference = NULL, "
        "withdrawn_reason = CASE WHEN withdrawn_reason IS NULL THEN NULL ELSE '' END "
        f"WHERE person = ANY(:keys) AND ({_WORDS.format(answers='answers')} OR words IS NOT NULL "
        "OR reference IS NOT NULL OR withdrawn_reason <> '')",
        values,
    )
    return {
        "responses (words)": responses.rowcount,
        "response_revisions (words)": revisions.rowcount,
        "response_tags": tags.rowcount,
    }
