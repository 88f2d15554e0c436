"""Asked again after their case was closed: are they happy now?"""

from collections.abc import Sequence
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
        later = _later(case, judged, recovery)
        if later is None and before is None:
            continue
        draft = Draft.of(case, by=SYSTEM, at=judged.at)
        if later is None:
            await rows.forget(tx, case.id, judged.response_id)
        else:
            await rows.put(tx, later)
        if before is None or later is None or before.score != later.score:
            _tell(draft, judged.response_id, later)
            drafts.append(draft)
    return drafts


def _later(case: Case, judged: Judged, recovery: Recovery) -> Later | None:
    threshold = recovery.thresholds.get(case.kind or judged.kind or "")
    if judged.state == "withdrawn" or judged.verification == "inferred" or threshold is None:
        return None
    kind = case.kind or judged.kind
    score = next((each.score for each in judged.scores if each.kind == kind), None)
    if score is None:
        return None
    return Later(case.id, judged.response_id, judged.revision, score, score >= threshold, judged.at)


def _tell(draft: Draft, response_id: UUID, later: Later | None) -> None:
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
