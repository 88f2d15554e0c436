"""Asked again after their case was closed: are they happy now?"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from services.surveys.cases.domain.case import Case
from services.surveys.cases.domain.judged import Judged
from services.surveys.cases.domain.policy import Recovery
from services.surveys.cases.repository import recoveries as rows
from services.surveys.cases.repository.recoveries import Later
from services.surveys.cases.service.writing import SYSTEM, Draft
from shared.db.engine import WriteTx
from shared.events.catalogue.surveys import CaseRecovered


async def judge(tx: WriteTx, judged: Judged, closed: Sequence[Case], recovery: Recovery) -> list[Draft]:
    """What a response says of cases of the same person that were closed before it; the cases that learnt something.

    `closed` are locked. Of a response the highest revision holds; one that was withdrawn says nothing any more.
    """
    known = await rows.of_response(tx, judged.response_id, [each.id for each in closed])
    drafts = []
    for case in closed:
        before = known.get(case.id)
        if before is not None and before.revision >= judged.revision:
            continue
        later = later_of(case, judged, recovery)
        if later is None and before is None:
            continue
        draft = Draft.of(case, by=SYSTEM, at=judged.at)
        if later is None:
            await rows.forget(tx, case.id, judged.response_id)
        else:
            await rows.put(tx, later)
        if before is None or later is None or before.score != later.score:
            tell(draft, judged.response_id, later)
            drafts.append(draft)
    return drafts


def is_later(case: Case, judged: Judged, recovery: Recovery) -> bool:
    """Whether a response of the same person came after a case was closed, and not too long after."""
    if case.closed_at is None or case.response_id == judged.response_id:
        return False
    return judged.at - timedelta(days=recovery.within_days) <= case.closed_at < judged.at


def later_of(case: Case, judged: Judged, recovery: Recovery) -> Later | None:
    """What a response says of a case, if it says anything: a confirmed score of the kind the case was about."""
    threshold = recovery.thresholds.get(case.kind or judged.kind or "")
    if judged.state == "withdrawn" or judged.verification == "inferred" or threshold is None:
        return None
    kind = case.kind or judged.kind
    score = next((each.score for each in judged.scores if each.kind == kind), None)
    if score is None:
        return None
    return Later(case.id, judged.response_id, judged.revision, score, score >= threshold, judged.at)


def tell(draft: Draft, response_id: UUID, later: Later | None) -> None:
    """Note in a case what a response says of it now; None: nothing any more."""
    score, is_recovered = (None, False) if later is None else (later.score, later.is_recovered)
    draft.enter("asked_again", response=response_id, score=score, is_recovered=is_recovered)
    case = draft.case
    draft.extra.append(
        CaseRecovered(
            case_id=case.id,
            version=case.version,
            response_id=response_id,
            score=score,
            is_recovered=is_recovered,
        )
    )
