"""What Prometheus is told of answers."""

from collections.abc import Sequence

from prometheus_client import Counter

from services.surveys.answers.domain.submission import Taken
from services.surveys.answers.errors import TakeAlone
from shared.db.engine import WriteTx
from shared.errors import AppError
from shared.observability.metrics import REGISTRY

TAKEN = Counter(
    "tam_survey_answers",
    "Answers taken: new, changed, repeated or sealed (anonymous), by the state of their response.",
    ["outcome", "state"],
    registry=REGISTRY,
)
REFUSED = Counter(
    "tam_survey_answers_refused", "Answers refused, by the code of the reason.", ["code"], registry=REGISTRY
)
OPENED = Counter("tam_survey_ballots_opened", "Anonymous answers that left the box.", registry=REGISTRY)


def count(tx: WriteTx, outcomes: Sequence[Taken | AppError]) -> None:
    """Count what became of answers: refusals at once, all else when it is committed."""
    for outcome in outcomes:
        if isinstance(outcome, Taken):
            tx.after_commit(TAKEN.labels(_outcome(outcome), outcome.state).inc)
        elif not isinstance(outcome, TakeAlone):
            REFUSED.labels(outcome.code).inc()


def _outcome(taken: Taken) -> str:
    if not taken.is_new:
        return "repeated"
    if taken.response_id is None:
        return "sealed"
    return "new" if taken.revision == 1 else "changed"
