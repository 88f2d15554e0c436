"""The sums: differences are added in one statement each, rows in ascending order of their keys."""

from services.metrics.satisfaction.domain.facts import HIGHEST_SCORE
from services.metrics.satisfaction.domain.tally import Tally
from shared.db.engine import WriteTx
from shared.db.sums import add_sums

SCORE_COLUMNS = tuple(f"c{score}" for score in range(HIGHEST_SCORE + 1))

_SLOT = {"dimension": "text", "value": "text", "is_month": "boolean", "day": "int"}
_SCORE_KEY = {"item": "uuid", **_SLOT, "kind": "smallint", "weight": "int"}
_FOLLOWED_KEY = {"item": "uuid", **_SLOT, "next_day": "int", "modes": "smallint", "weight": "int"}
_ASK_KEY = {"survey_id": "uuid", **_SLOT}
_FOLLOWED_INDEX = ("item", "dimension", "is_month", "day", "next_day", "value", "modes", "weight")
_SCORE_INDEX = ("item", "dimension", "is_month", "day", "value", "kind", "weight")
_ASK_INDEX = ("survey_id", "dimension", "is_month", "day", "value")
ASK_COLUMNS = ("invited", "delivered", "expired", "responded", "completed")
_SCORES = dict.fromkeys(SCORE_COLUMNS, "int")
_ASKS = dict.fromkeys(ASK_COLUMNS, "int")


async def add(tx: WriteTx, tally: Tally) -> None:
    """Add the differences to all three; a row of nothing is none.

    Raises:
        RuntimeError: more was taken out than was in, which no set of facts can say.
    """
    scores, followed, asks = (
        [(*each, *numbers) for each, numbers in changes.items() if any(numbers)]
        for changes in (tally.scores, tally.followed, tally.asks)
    )
    await add_sums(tx, "score_days", _SCORE_KEY, _SCORES, scores, unique=_SCORE_INDEX)
    await add_sums(tx, "score_followed", _FOLLOWED_KEY, _SCORES, followed, unique=_FOLLOWED_INDEX)
    await add_sums(tx, "ask_days", _ASK_KEY, _ASKS, asks, unique=_ASK_INDEX)
