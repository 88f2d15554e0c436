"""The question bank over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.definitions.api.matching import IfMatch, held
from services.surveys.definitions.errors import QuestionMoved, QuestionNameTaken, QuestionNotFound
from services.surveys.definitions.schemas.bank import BankQuestionIn, BankQuestionOut, UsesOut
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/questions", tags=["surveys"])


@router.post(
    "", response_model=BankQuestionOut, status_code=201, responses=problems(BadIdempotencyKey, QuestionNameTaken)
)
async def create_question(body: BankQuestionIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Put a question in the bank, for surveys to take."""
    return answer(await surveys.question_bank.create(body, by=caller.key_id, idem=idem))


@router.get("", responses=problems(BadCursor))
async def list_questions(
    _: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None
) -> Page[BankQuestionOut]:
    """List the questions of the bank, those made last first."""
    found = await surveys.question_bank.listed(before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/{question_id}", response_model=BankQuestionOut, responses={**UNMODIFIED, **problems(QuestionNotFound)})
async def get_question(question_id: UUID, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a question of the bank, in its latest version."""
    found = await surveys.question_bank.get(question_id)
    return with_etag(request, found.model_dump_json().encode(), version=found.version)


@router.put(
    "/{question_id}",
    response_model=BankQuestionOut,
    responses=problems(BadIdempotencyKey, QuestionNotFound, QuestionMoved, QuestionNameTaken),
)
async def change_question(
    question_id: UUID,
    body: BankQuestionIn,
    caller: Writer,
    surveys: Surveys,
    idem: IdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    """Write the next version of a question. Surveys keep the version that they have."""
    return answer(
        await surveys.question_bank.change(question_id, body, by=caller.key_id, if_match=held(if_match), idem=idem)
    )


@router.get("/{question_id}/uses", responses=problems(QuestionNotFound))
async def question_uses(question_id: UUID, _: Reader, surveys: Surveys) -> UsesOut:
    """Say in which versions of which surveys a question stands."""
    return UsesOut(used_by=list(await surveys.question_bank.used_by(question_id)))


@router.post(
    "/{question_id}/retire", response_model=BankQuestionOut, responses=problems(BadIdempotencyKey, QuestionNotFound)
)
async def retire_question(question_id: UUID, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Let no survey take a question any more; those that have it keep it."""
    return answer(await surveys.question_bank.retire(question_id, is_retired=True, by=caller.key_id, idem=idem))


@router.post(
    "/{question_id}/restore", response_model=BankQuestionOut, responses=problems(BadIdempotencyKey, QuestionNotFound)
)
async def restore_question(question_id: UUID, caller: Writer, surveys: Surveys, idem: IdempotencyKey) -> Response:
    """Let surveys take a retired question again."""
    return answer(await surveys.question_bank.retire(question_id, is_retired=False, by=caller.key_id, idem=idem))
