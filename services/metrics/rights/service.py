"""Use cases of data rights in metrics."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.metrics.rights import repository
from shared.db.engine import ReadTx
from shared.rights.contract import Erased, Subject

_KEPT = {
    "metrics: orders, activity, subscriptions, identity": "Order and subscription ids, amounts and days under the "
    "pseudonymous key: past figures "
    "stay what they were, and books must be kept. The key is a hash of the user id without a secret: who has the id "
    "from elsewhere, or tries all ids there can be, can find the key; nothing here names the person.",
    "metrics: survey_asks, survey_answers": "When a survey was sent, over which channel and whether it was answered, "
    "under the same key, so that response rates stay what they were. Scores are withdrawn by the surveys service, and "
    "count no more.",
    "metrics: joining_answers, completed_referrals": "That somebody was brought by another customer, under the same "
    "key. Why they came, as they said themselves, is withdrawn by the surveys service, and removed here with that.",
    "metrics: wallet_days, wallet_versions, complaints": "How many points came and went on a day, and when a complaint "
    "was opened and answered, under the same key; not what it was about.",
    "metrics: outlooks": "How often it was foretold whether the person would buy again; what was foretold is gone, and "
    "nothing is any more.",
}


@dataclass(frozen=True, slots=True)
class MetricsRights:
    """Reads what figures are made of; removes nothing, and says so."""

    async def export(self, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
        """The facts under the person's keys."""
        for name, rows in (await repository.sections(tx, subject.keys)).items():
            if rows:
                yield name, rows

    def erase(self, subject: Subject) -> Erased:
        """No row names the person of `subject`, so none goes."""
        return Erased(kept=_KEPT if subject.keys else {})
