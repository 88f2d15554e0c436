"""The sums: differences are added in one statement, rows in ascending order of their keys."""

from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE
from services.metrics.satisfaction.domain.tally import Tally
from shared.db.engine import WriteTx
from shared.db.sums import Sums, add_sums

SCORE_COLUMNS = tuple(f"c{score}" for score in range(HIGHEST_SCORE + 1))

ASK_COLUMNS = ("invited", "delivered", "expired", "responded", "completed")
_SLOT = {"dimension": "text", "value": "text", "is_month": "boolean", "day": "int"}
_COUNTS = dict.fromkeys(SCORE_COLUMNS, "int")
_SCORES = Sums(
    "score_days",
    {"item": "uuid", **_SLOT, "kind": "smallint", "weight": "int"},
    _COUNTS,
    ("item", "dimension", "is_month", "day", "value", "kind", "weight"),
)
_FOLLOWED = Sums(
    "score_followed",
    {"item": "uuid", **_SLOT, "next_day": "int", "modes": "smallint", "weight": "int"},
    _COUNTS,
    ("item", "dimension", "is_month", "day", "next_day", "value", "modes", "weight"),
)
_ASKS = Sums(
    "ask_days",
    {"survey_id": "uuid", **_SLOT},
    dict.fromkeys(ASK_COLUMNS, "int"),
    ("survey_id", "dimension", "is_month", "day", "value"),
)


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add the differences to all three; a row of nothing is none.

    Raises:
        RuntimeError: more was taken out than was in, which no set of facts can say.
    """
    scores, followed, asks = (
        [(*each, *numbers) for each, numbers in changes.items() if any(numbers)]
        for changes in (tally.scores, tally.followed, tally.asks)
    )
    await add_sums(tx, (_SCORES, scores), (_FOLLOWED, followed), (_ASKS, asks))
