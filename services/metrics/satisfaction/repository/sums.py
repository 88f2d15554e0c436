"""The sums: differences are added in one statement, rows in ascending order of their keys."""

from collections.abc import Mapping
from uuid import UUID

from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE
from services.metrics.satisfaction.domain.tally import Tally
from shared.db.bulk import insert_new_rows
from shared.db.engine import WriteTx
from shared.db.sums import Sums, add_columns, columns_of

SCORE_COLUMNS = tuple(f"c{score}" for score in range(HIGHEST_SCORE + 1))

ASK_COLUMNS = ("invited", "delivered", "expired", "responded", "completed")
_COUNTS = dict.fromkeys(SCORE_COLUMNS, "int")
_SLOT = {"slot": "bigint", "is_month": "boolean", "day": "int"}
_SCORES = Sums("score_days", {**_SLOT, "kind": "smallint", "weight": "int"}, _COUNTS)
_FOLLOWED = Sums("score_followed", {**_SLOT, "next_day": "int", "modes": "smallint", "weight": "int"}, _COUNTS)
_ASKS = Sums(
    "ask_days",
    {"survey_id": "uuid", "dimension": "text", "value": "text", "is_month": "boolean", "day": "int"},
    dict.fromkeys(ASK_COLUMNS, "int"),
    ("survey_id", "dimension", "is_month", "day", "value"),
)


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add the differences to all three; a row of nothing is none.

    Raises:
        RuntimeError: more was taken out than was in, which no set of facts can say.
    """
    names: dict[int, tuple[UUID, str, str]] = {}
    for found in tally.slots.values():
        names.update(zip(*found, strict=True))
    await name_slots(tx, names)
    scores, followed = tally.scores(), tally.followed()
    asks = sorted((*each, *numbers) for each, numbers in tally.asks.items() if any(numbers))
    await add_columns(
        tx,
        (_SCORES, scores.columns if scores is not None else ()),
        (_FOLLOWED, followed.columns if followed is not None else ()),
        (_ASKS, columns_of(asks)),
    )


async def name_slots(tx: WriteTx, names: Mapping[int, tuple[UUID, str, str]]) -> None:
    """Say of what item, dimension and value each slot is; those that are named stay as they are."""
    rows = [(slot, *name) for slot, name in sorted(names.items())]
    columns = {"slot": "bigint", "item": "uuid", "dimension": "text", "value": "text"}
    await insert_new_rows(tx, "score_slots", columns, rows, "slot")
