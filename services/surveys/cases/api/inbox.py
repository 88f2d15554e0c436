"""The inbox over HTTP: cases by what is asked for, one by one, and their history."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.surveys.api import Reader, Surveys
from services.surveys.cases.domain.case import Status
from services.surveys.cases.domain.filters import Filters, Sort
from services.surveys.cases.domain.policy import Priority
from services.surveys.cases.errors import BadCaseCustomer, CaseUnknown
from services.surveys.cases.schemas.case import CaseOut, CountsOut, EntryOut
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    moment_and_id_in,
    number_in,
    page_of,
)
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1", tags=["cases"])

Word = Annotated[str | None, Query(min_length=1, max_length=200)]


async def _filters(
    owner: Word = None,
    team: Word = None,
    status: Annotated[list[Status] | None, Query(max_length=5)] = None,
    priority: Annotated[list[Priority] | None, Query(max_length=4)] = None,
    survey: UUID | None = None,
    touchpoint: Word = None,
    root_cause: Word = None,
    watcher: Word = None,
    due_before: Annotated[Instant | None, Query(description="A clock runs out before this.")] = None,
    overdue: Annotated[bool | None, Query(description="A clock has run out.")] = None,
    owned: Annotated[bool | None, Query(description="Somebody answers for it.")] = None,
    wants_callback: bool | None = None,
    sort: Annotated[Sort, Query(description="What is due first first, or what was opened last first.")] = "due",
) -> Filters:
    return Filters(
        owner=owner,
        team=team,
        statuses=status,
        priorities=priority,
        survey=survey,
        touchpoint=touchpoint,
        root_cause=root_cause,
        watcher=watcher,
        due_before=due_before,
        is_overdue=overdue,
        is_owned=owned,
        wants_callback=wants_callback,
        sort=sort,
    )


@router.get("/cases", responses=problems(BadCursor, BadCaseCustomer))
async def cases(
    _: Reader,
    surveys: Surveys,
    filters: Annotated[Filters, Depends(_filters)],
    customer: Annotated[
        str | None, Query(min_length=1, max_length=300, description="A customer reference; all keys of theirs count.")
    ] = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200, description="Words in what staff wrote.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseOut]:
    """List cases, those that are due first first. Cases that were merged into others are left out."""
    after = moment_and_id_in(cursor)
    found = await surveys.case_inbox.listed(filters, customer=customer, words=q, after=after, limit=limit)
    is_by_due = filters.sort == "due"
    return page_of(found, limit, lambda each: (each.sort_at if is_by_due else each.opened_at, each.id))


@router.get("/case-counts")
async def case_counts(_: Reader, surveys: Surveys) -> CountsOut:
    """Count cases by where they stand, who has them, and whether a clock has run out."""
    return await surveys.case_inbox.counts()


@router.get("/cases/{case}", response_model=CaseOut, responses={**UNMODIFIED, **problems(CaseUnknown)})
async def case(case: UUID, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a case, with what is left on its clocks. The ETag is that of the case, not of the time that runs."""
    found = await surveys.case_inbox.get(case)
    return with_etag(request, found.model_dump_json().encode(), same=found.identity(), version=found.version)


@router.get("/cases/{case}/history", responses=problems(BadCursor, CaseUnknown))
async def case_history(
    case: UUID, _: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryOut]:
    """List what happened in a case, in order, with what was written about it."""
    found = await surveys.case_inbox.history(case, after=number_in(cursor) or 0, limit=limit)
    return page_of(found, limit, lambda each: (each.number,))
