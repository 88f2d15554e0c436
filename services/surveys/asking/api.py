"""Asking over HTTP: policies, contact rules, decisions, invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.asking.domain.candidate import Candidate, Reason
from services.surveys.asking.errors import (
    BadAskedCustomer,
    ContactRulesMoved,
    InvitationNotFound,
    PolicyMoved,
    PolicyVersionNotFound,
)
from services.surveys.asking.schemas.deciding import (
    DecisionOut,
    ExplanationOut,
    InvitationIn,
    InvitationOut,
    TotalsOut,
)
from services.surveys.asking.schemas.policy import AskingIn, AskingOut, ContactRulesIn, ContactRulesOut
from services.surveys.definitions.errors import SurveyNotActive, SurveyNotFound
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, encode_cursor, moment_and_id_in
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1", tags=["asking"])

Since = Annotated[Instant | None, Query(description="Decided from this moment on.")]
Until = Annotated[Instant | None, Query(description="Decided before this moment.")]
Reference = Annotated[str, Query(min_length=1, max_length=300, description="A customer reference.")]


@router.get("/contact-rules")
async def contact_rules(_: Reader, surveys: Surveys) -> ContactRulesOut:
    """Get the contact budget over all surveys, and quiet hours."""
    return await surveys.asking_policies.rules()


@router.put("/contact-rules", response_model=ContactRulesOut, responses=problems(BadIdempotencyKey, ContactRulesMoved))
async def put_contact_rules(body: ContactRulesIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Change the contact budget and quiet hours, as a further version, for all who are decided from now on."""
    return answer(await surveys.asking_policies.put_rules(body, by=caller.key_id, idem=idem))


@router.get("/surveys/{survey_id}/asking", responses=problems(SurveyNotFound, PolicyVersionNotFound))
async def asking_policy(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    version: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="None: what holds.")] = None,
) -> AskingOut:
    """Get whom a survey asks, and when."""
    return await surveys.asking_policies.get(survey_id, version)


@router.put(
    "/surveys/{survey_id}/asking",
    response_model=AskingOut,
    responses=problems(BadIdempotencyKey, SurveyNotFound, PolicyMoved),
)
async def put_asking_policy(
    survey_id: UUID, body: AskingIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey
) -> Response:
    """Change whom a survey asks, as a further version. Who waits is decided by the version that holds then."""
    return answer(await surveys.asking_policies.put(survey_id, body, by=caller.key_id, idem=idem))


@router.get("/surveys/{survey_id}/asking/explanation", responses=problems(SurveyNotFound, BadAskedCustomer))
async def explain_asking(survey_id: UUID, customer: Reference, _: Reader, surveys: Surveys) -> ExplanationOut:
    """Say why a customer would be asked now, or not, and what was decided before. Nobody is asked."""
    return await surveys.inviting.explain(survey_id, customer)


@router.get("/surveys/{survey_id}/decisions", responses=problems(BadCursor, SurveyNotFound))
async def survey_decisions(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    reason: Reason | None = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DecisionOut]:
    """List what was decided about a survey's candidates, and for which reason, the latest first."""
    found = await surveys.inviting.decisions(
        survey_id, reason=reason, since=since, until=until, after=moment_and_id_in(cursor), limit=limit
    )
    last = found[limit - 1] if len(found) > limit else None
    return _page(found[:limit], None if last is None else encode_cursor((last.decided_at, last.id)))


@router.get("/surveys/{survey_id}/decisions/totals", responses=problems(SurveyNotFound))
async def survey_decision_totals(
    survey_id: UUID, _: Reader, surveys: Surveys, since: Since = None, until: Until = None
) -> TotalsOut:
    """Count a survey's candidates by what was decided."""
    return await surveys.inviting.totals(survey_id, since=since, until=until)


@router.get("/decisions", responses=problems(BadCursor, BadAskedCustomer))
async def customer_decisions(
    customer: Reference,
    _: Reader,
    surveys: Surveys,
    survey: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DecisionOut]:
    """List what was decided about a customer, over all surveys, and what waits; what happened last comes first."""
    found = await surveys.inviting.decisions_of(customer, survey_id=survey, after=moment_and_id_in(cursor), limit=limit)
    last = found[limit - 1] if len(found) > limit else None
    return _page(found[:limit], None if last is None else encode_cursor((last.happened_at, last.id)))


@router.post(
    "/surveys/{survey_id}/invitations",
    response_model=DecisionOut,
    status_code=201,
    responses={
        200: {"description": "They were not asked, for this reason.", "model": DecisionOut},
        202: {"description": "Quiet hours: it is decided when they end.", "model": DecisionOut},
        **problems(BadIdempotencyKey, BadAskedCustomer, SurveyNotFound, SurveyNotActive),
    },
)
async def invite(survey_id: UUID, body: InvitationIn, _: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Ask a customer, if nothing speaks against it; the answer says what was decided, and why."""
    return answer(await surveys.inviting.invite(survey_id, body, idem=idem))


@router.get("/invitations/{invitation}", responses=problems(InvitationNotFound))
async def invitation(invitation: UUID, _: Reader, surveys: Surveys) -> InvitationOut:
    """Get an invitation."""
    async with surveys.db.read() as tx:
        return InvitationOut.model_validate(await surveys.invitations.get(tx, invitation))


def _page(candidates: list[Candidate], cursor: str | None) -> Page[DecisionOut]:
    return Page(items=[DecisionOut.of(each) for each in candidates], next_cursor=cursor)
