"""Responses over HTTP: brought, changed, withdrawn, read, found, tagged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.surveys.answers.domain.filters import Filters
from services.surveys.answers.domain.said import words
from services.surveys.answers.domain.submission import Shown, Verification
from services.surveys.answers.errors import (
    AnsweredLater,
    AnswerTooLate,
    AnswerWithdrawn,
    BadResponseCustomer,
    NobodyMayBeNamed,
    ResponseUnknown,
    SurveyNeeded,
    TooManyAnswers,
    TooManyTags,
    WholeAnswerNeeded,
)
from services.surveys.answers.schemas.responses import (
    ChangeIn,
    ResponseIn,
    ResponseOut,
    TakenOut,
    WholeResponseOut,
    WithdrawIn,
)
from services.surveys.api import Reader, Surveys, Writer
from services.surveys.asking.errors import InvitationNotFound
from services.surveys.definitions.errors import BadAnswers, SurveyFull, SurveyNotActive, SurveyNotFound
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, moment_and_id_in, page_of
from shared.http.problems import problems
from shared.http.schemas import ExternalId, Instant

router = APIRouter(prefix="/v1/responses", tags=["survey responses"])

_TAKES = (BadAnswers, AnswerTooLate, AnswerWithdrawn, SurveyNotActive, SurveyFull, TooManyAnswers, BadIdempotencyKey)
Tag = Annotated[
    str, Path(min_length=1, max_length=60, pattern=r"^[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]*[^\s/\x00-\x1f\x7f])?$")
]


async def filters(
    survey: Annotated[UUID | None, Query(description="Of this survey.")] = None,
    invitation: UUID | None = None,
    state: Shown | None = None,
    touchpoint: ExternalId | None = None,
    stage: ExternalId | None = None,
    staff: ExternalId | None = None,
    score_from: Annotated[int | None, Query(ge=0, le=100, description="The lowest score, included.")] = None,
    score_to: Annotated[int | None, Query(ge=0, le=100, description="The highest score, included.")] = None,
    tag: ExternalId | None = None,
    theme: ExternalId | None = None,
    language: ExternalId | None = None,
    locale: ExternalId | None = None,
    channel: ExternalId | None = None,
    verification: Verification | None = None,
    answered_from: Annotated[Instant | None, Query(description="Answered then or later.")] = None,
    answered_until: Annotated[Instant | None, Query(description="Answered before.")] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Words that were written, all of them; with diacritics or without. The last may be the "
            "beginning of one.",
        ),
    ] = None,
) -> Filters:
    """What the parameters of a list say."""
    return Filters(
        survey_id=survey,
        invitation_id=invitation,
        state=state,
        touchpoint=touchpoint,
        stage=stage,
        staff_id=staff,
        score_from=score_from,
        score_to=score_to,
        tag=tag,
        theme=theme,
        language=language,
        locale=locale,
        channel=channel,
        verification=verification,
        answered_from=answered_from,
        answered_until=answered_until,
        words=words(q or ""),
    )


Wanted = Annotated[Filters, Depends(filters)]
Customer = Annotated[str | None, Query(max_length=300, description="A customer id, `user_id:…` or `anonymous_id:…`.")]


@router.post(
    "",
    response_model=TakenOut,
    status_code=201,
    responses={
        200: {"description": "It was there already; nothing changed.", "model": TakenOut},
        **problems(
            *_TAKES,
            InvitationNotFound,
            SurveyNotFound,
            SurveyNeeded,
            WholeAnswerNeeded,
            NobodyMayBeNamed,
            BadResponseCustomer,
            AnsweredLater,
        ),
    },
)
async def submit_response(body: ResponseIn, _: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Bring an answer. An invitation has one response, and so has a reference: the same again changes nothing, other
    answers change it while it may be changed. Durable when it is answered."""
    return answer(await surveys.answers.submit(body, idem=idem))


@router.get("", responses=problems(BadCursor, BadResponseCustomer))
async def responses(
    _: Reader, surveys: Surveys, wanted: Wanted, customer: Customer = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[ResponseOut]:
    """List responses, those answered last first. All that is named must hold."""
    found = await surveys.answers.listed(wanted, customer, after=moment_and_id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.answered_at, each.id))


@router.get("/{response}", response_model=WholeResponseOut, responses={**UNMODIFIED, **problems(ResponseUnknown)})
async def response(response: UUID, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a response, and what it said before."""
    found = await surveys.answers.get(response)
    return with_etag(request, found.model_dump_json().encode())


@router.patch("/{response}", response_model=TakenOut, responses=problems(*_TAKES, ResponseUnknown))
async def change_response(
    response: UUID, body: ChangeIn, _: Writer, surveys: Surveys, idem: IdempotencyKey
) -> Response:
    """Change answers while they may be changed; what is not mentioned stays. What was said before is kept."""
    return answer(await surveys.answers.change(response, body, channel="api", idem=idem))


@router.post(
    "/{response}/withdraw",
    response_model=ResponseOut,
    responses=problems(BadIdempotencyKey, ResponseUnknown, AnswerWithdrawn),
)
async def withdraw_response(
    response: UUID, body: WithdrawIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey
) -> Response:
    """Let a response count no more, for a reason: it was a machine's, or a mistake. It stays to be read."""
    return answer(await surveys.answers.withdraw(response, body.reason, by=caller.key_id, idem=idem))


@router.put("/{response}/tags/{tag}", responses=problems(ResponseUnknown, TooManyTags))
async def tag_response(response: UUID, tag: Tag, caller: Writer, surveys: Surveys) -> WholeResponseOut:
    """Put a tag on a response; it may be there already."""
    return await surveys.answers.tag(response, tag, by=caller.key_id)


@router.delete("/{response}/tags/{tag}", responses=problems(ResponseUnknown))
async def untag_response(response: UUID, tag: Tag, _: Writer, surveys: Surveys) -> WholeResponseOut:
    """Take a tag off a response; it may be gone already."""
    return await surveys.answers.untag(response, tag)
