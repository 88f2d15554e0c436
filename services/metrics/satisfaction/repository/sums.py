"""The sums: differences are added in one statement each, rows in ascending order of their keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE
from services.metrics.satisfaction.domain.tally import Tally
from shared.db.bulk import insert_rows
from shared.db.engine import WriteTx

SCORE_COLUMNS = tuple(f"c{score}" for score in range(HIGHEST_SCORE + 1))

_SLOT = {"dimension": "text", "value": "text", "is_month": "boolean", "day": "int"}
_SCORE_KEY = {"item": "uuid", **_SLOT, "kind": "smallint", "weight": "int"}
_FOLLOWED_KEY = {"item": "uuid", **_SLOT, "next_day": "int", "modes": "smallint", "weight": "int"}
_ASK_KEY = {"survey_id": "uuid", **_SLOT}
_FOLLOWED_INDEX = ("item", "dimension", "is_month", "day", "next_day", "value", "modes", "weight")
_SCORE_INDEX = ("item", "dimension", "is_month", "day", "value", "kind", "weight")
_ASK_INDEX = ("survey_id", "dimension", "is_month", "day", "value")
ASK_COLUMNS = ("invited", "delivered", "expired", "responded", "completed")


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add the differences to all three; a row of nothing is none.

    Raises:
        RuntimeError: more was taken out than was in, which no set of facts can say.
    """
    await _add(tx, "score_days", _SCORE_KEY, SCORE_COLUMNS, _SCORE_INDEX, tally.scores)
    await _add(tx, "score_followed", _FOLLOWED_KEY, SCORE_COLUMNS, _FOLLOWED_INDEX, tally.followed)
    await _add(tx, "ask_days", _ASK_KEY, ASK_COLUMNS, _ASK_INDEX, tally.asks)


async def _add(
    tx: WriteTx,
    table: str,
    key: Mapping[str, str],
    counts: Sequence[str],
    index: Sequence[str],
    changes: Mapping[Any, Sequence[int]],
) -> None:
    rows = sorted((*each, *numbers) for each, numbers in changes.items() if any(numbers))
    sums = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in counts)
    least, most = (f"{pick}({', '.join(f'{table}.{name}' for name in counts)})" for pick in ("LEAST", "GREATEST"))
    changed = await insert_rows(
        tx,
        table,
        {**key, **dict.fromkeys(counts, "int")},
        rows,
        f"ON CONFLICT ({', '.join(index)}) DO UPDATE SET {sums} RETURNING {', '.join(key)}, "
        f"{least} AS least, {most} AS most",
    )
    if any(row.least < 0 for row in changed):
        # A bug, never a matter of what was sent: better stand still, visibly, than show figures that are wrong.
        raise RuntimeError(f"more was taken out of {table} than was in it")
    if emptied := [row[: len(key)] for row in changed if not row.most]:
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in key.items())
        same = " AND ".join(f"{table}.{name} = gone.{name}" for name in key)
        await tx.execute(
            f"DELETE FROM {table} USING unnest({arrays}) AS gone({', '.join(key)}) WHERE {same}",
            dict(zip(key, map(list, zip(*emptied, strict=True)), strict=True)),
        )
