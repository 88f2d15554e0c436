"""What comes of cases, over HTTP: figures, and what was changed because of them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.surveys.api import Reader, Surveys
from services.surveys.cases.api.desk import Asking, Making
from services.surveys.cases.errors import (
    BadCaseCustomer,
    BadPeriod,
    CaseUnknown,
    ImprovementUnknown,
    NotPublished,
    RootCauseUnknown,
    SettingMoved,
)
from services.surveys.cases.schemas.figures import CaseFiguresOut
from services.surveys.cases.schemas.improvements import ImprovementIn, ImprovementOut, ToBeToldOut, ToldIn, ToldOut
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, encode_cursor, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["cases"])

Word = Annotated[str | None, Query(min_length=1, max_length=200)]
Day = Annotated[date | None, Query(description="A local day of the firm, included.")]


@router.get("/case-figures", responses=problems(BadPeriod))
async def case_figures(
    _: Reader,
    surveys: Surveys,
    first_day: Day = None,
    last_day: Day = None,
    survey: UUID | None = None,
    touchpoint: Word = None,
    team: Word = None,
    owner: Word = None,
) -> CaseFiguresOut:
    """Get what came of the cases opened on these days (none: the last ninety): in time, and who was won back."""
    return await surveys.case_figures.of(
        first_day, last_day, survey=survey, touchpoint=touchpoint, team=team, owner=owner
    )


@router.post(
    "/case-improvements",
    response_model=ImprovementOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, RootCauseUnknown, CaseUnknown),
)
async def create_improvement(body: ImprovementIn, asked: Making, surveys: Surveys) -> Response:
    """Write down what was changed because of customers."""
    return answer(await surveys.case_improvements.create(body, asked))


@router.get("/case-improvements", responses=problems(BadCursor))
async def improvements(_: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None) -> Page[ImprovementOut]:
    """List what was changed, the latest first."""
    found = await surveys.case_improvements.listed(before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get(
    "/case-improvements/{improvement}",
    response_model=ImprovementOut,
    responses={**UNMODIFIED, **problems(ImprovementUnknown)},
)
async def improvement(improvement: UUID, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get what was changed."""
    found = await surveys.case_improvements.get(improvement)
    return with_etag(request, found.model_dump_json().encode(), version=found.version)


@router.put(
    "/case-improvements/{improvement}",
    response_model=ImprovementOut,
    responses=problems(BadIdempotencyKey, SettingMoved, ImprovementUnknown, RootCauseUnknown, CaseUnknown),
)
async def change_improvement(improvement: UUID, body: ImprovementIn, asked: Asking, surveys: Surveys) -> Response:
    """Say otherwise what was changed."""
    return answer(await surveys.case_improvements.change(improvement, body, asked))


@router.post(
    "/case-improvements/{improvement}/publish",
    response_model=ImprovementOut,
    responses=problems(BadIdempotencyKey, SettingMoved, ImprovementUnknown),
)
async def publish_improvement(improvement: UUID, asked: Asking, surveys: Surveys) -> Response:
    """Let customers be told from now on."""
    return answer(await surveys.case_improvements.publish(improvement, asked))


@router.get(
    "/case-improvements/{improvement}/audience", responses=problems(BadCursor, ImprovementUnknown, NotPublished)
)
async def improvement_audience(
    improvement: UUID, _: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None
) -> Page[ToBeToldOut]:
    """List customers who may be told, and were not: each once, whichever keys they are known by."""
    found, last = await surveys.case_improvements.audience(improvement, after=id_in(cursor), limit=limit)
    return Page(items=found, next_cursor=None if last is None else encode_cursor((last,)))


@router.post(
    "/case-improvements/{improvement}/told",
    response_model=ToldOut,
    responses=problems(BadIdempotencyKey, BadCaseCustomer, ImprovementUnknown, NotPublished),
)
async def tell_of_improvement(improvement: UUID, body: ToldIn, asked: Making, surveys: Surveys) -> Response:
    """Say who was told; nobody is listed again after that."""
    return answer(await surveys.case_improvements.tell(improvement, body, asked))
