"""Surveys over HTTP: written, published, closed, opened again."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.definitions.api.matching import IfMatch, held
from services.surveys.definitions.domain.definition import State
from services.surveys.definitions.errors import (
    BadSurvey,
    LibraryNotFound,
    NeverPublished,
    NotClosed,
    NothingToPublish,
    SurveyClosed,
    SurveyMoved,
    SurveyNotFound,
)
from services.surveys.definitions.schemas.live import NoteIn, ProblemsOut, SurveyLineOut, SurveyOut
from services.surveys.definitions.schemas.survey import DraftIn, FromLibraryIn, NewSurveyIn
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/surveys", tags=["surveys"])


@router.post(
    "", response_model=SurveyOut, status_code=201, responses=problems(BadIdempotencyKey, BadSurvey, LibraryNotFound)
)
async def create_survey(body: NewSurveyIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Write a survey down, as a draft: whole (also one that was exported), or a ready one of the library."""
    if isinstance(body, FromLibraryIn):
        return answer(await surveys.editing.create_ready(body, by=caller.key_id, idem=idem))
    return answer(await surveys.editing.create(body, by=caller.key_id, idem=idem))


@router.get("", responses=problems(BadCursor))
async def list_surveys(
    _: Reader, surveys: Surveys, state: State | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[SurveyLineOut]:
    """List surveys, those made last first."""
    found = await surveys.editing.listed(state=state, before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/{survey_id}", response_model=SurveyOut, responses={**UNMODIFIED, **problems(SurveyNotFound)})
async def get_survey(survey_id: UUID, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a survey: its state, what is asked, and its draft."""
    found = await surveys.editing.get(survey_id)
    return with_etag(request, found.model_dump_json().encode(), version=found.revision)


@router.put(
    "/{survey_id}",
    response_model=SurveyOut,
    responses=problems(BadIdempotencyKey, BadSurvey, SurveyNotFound, SurveyMoved),
)
async def change_survey(
    survey_id: UUID, body: DraftIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Write the draft anew, whole. What is asked stays as it is until you publish."""
    return answer(await surveys.editing.change(survey_id, body, by=caller.key_id, if_match=held(if_match), idem=idem))


@router.post(
    "/{survey_id}/discard",
    response_model=SurveyOut,
    responses=problems(BadIdempotencyKey, SurveyNotFound, SurveyMoved, NothingToPublish, NeverPublished),
)
async def discard_draft(
    survey_id: UUID, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Throw the draft away: the survey is again as it is asked."""
    return answer(await surveys.editing.discard(survey_id, by=caller.key_id, if_match=held(if_match), idem=idem))


@router.get("/{survey_id}/problems", responses=problems(SurveyNotFound))
async def survey_problems(survey_id: UUID, _: Reader, surveys: Surveys) -> ProblemsOut:
    """Say what keeps the draft from being published."""
    return await surveys.editing.problems(survey_id)


@router.post(
    "/{survey_id}/publish",
    response_model=SurveyOut,
    responses=problems(BadIdempotencyKey, BadSurvey, SurveyNotFound, SurveyMoved, NothingToPublish, SurveyClosed),
)
async def publish_survey(
    survey_id: UUID, body: NoteIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Make the draft a version: it is asked from now on, and never changes. Who began another finishes that."""
    return answer(
        await surveys.editing.publish(survey_id, note=body.note, by=caller.key_id, if_match=held(if_match), idem=idem)
    )


@router.post(
    "/{survey_id}/close",
    response_model=SurveyOut,
    responses=problems(BadIdempotencyKey, SurveyNotFound, SurveyMoved),
)
async def close_survey(
    survey_id: UUID, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Let the survey take no more answers."""
    return answer(await surveys.editing.close(survey_id, by=caller.key_id, if_match=held(if_match), idem=idem))


@router.post(
    "/{survey_id}/reopen",
    response_model=SurveyOut,
    responses=problems(BadIdempotencyKey, SurveyNotFound, SurveyMoved, NotClosed),
)
async def reopen_survey(
    survey_id: UUID, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Let a survey that was closed by hand take answers again."""
    return answer(await surveys.editing.reopen(survey_id, by=caller.key_id, if_match=held(if_match), idem=idem))
