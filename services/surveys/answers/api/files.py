"""Responses of a survey altogether: as files, streamed, and where people stop."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.surveys.answers.api.responses import Wanted
from services.surveys.answers.schemas.dropoff import DropOffOut
from services.surveys.answers.service.exporting import Export
from services.surveys.api import Reader, Surveys
from services.surveys.definitions.errors import SurveyNotFound
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1/surveys", tags=["survey responses"])

# How many responses a file has when it is begun: for whoever shows progress.
COUNT = "X-Tam-Responses"
_COUNTED = {COUNT: {"description": "How many responses the file has when it is begun.", "schema": {"type": "integer"}}}
_KEPT_NOWHERE = "no-store"


def _of(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": what, "content": {media_type: {"schema": {"type": "string"}}}, "headers": _COUNTED},
        **problems(SurveyNotFound),
    }


@router.get(
    "/{survey_id}/responses.csv",
    response_class=StreamingResponse,
    responses=_of("text/csv", "A heading and a row for each response, the last first. UTF-8 that Excel reads."),
)
async def responses_csv(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    wanted: Wanted,
    labels: Annotated[
        Literal["exact", "ids"],
        Query(description="Choices and headings as they were read, in the language and version of each; or ids."),
    ] = "exact",
) -> StreamingResponse:
    """Take out the responses of a survey, one column for each question. No cell is taken for a formula."""
    export = await surveys.exporting.csv(survey_id, wanted, is_labelled=labels == "exact")
    return _streamed(export, "text/csv; charset=utf-8", f"responses-{survey_id}.csv")


@router.get(
    "/{survey_id}/responses.jsonl",
    response_class=StreamingResponse,
    responses=_of("application/jsonl", "A line for each response, the last first, as the list shows it."),
)
async def responses_jsonl(survey_id: UUID, _: Reader, surveys: Surveys, wanted: Wanted) -> StreamingResponse:
    """Take out the responses of a survey, a JSON document in each line."""
    return _streamed(
        await surveys.exporting.jsonl(survey_id, wanted), "application/jsonl", f"responses-{survey_id}.jsonl"
    )


@router.get("/{survey_id}/drop-off", responses=problems(SurveyNotFound))
async def drop_off(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    version: Annotated[int | None, Query(ge=1, lt=2**31, description="None: the newest.")] = None,
    since: Annotated[Instant | None, Query(description="None: thirty days before `until`.")] = None,
    until: Annotated[Instant | None, Query(description="None: now.")] = None,
) -> DropOffOut:
    """See where people stop, question by question. Of an anonymous survey only whole answers are known."""
    return await surveys.drop_off.of(survey_id, version, since, until)


def _streamed(export: Export, media_type: str, name: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": _KEPT_NOWHERE,
        "X-Content-Type-Options": "nosniff",
        COUNT: str(export.responses),
    }
    return StreamingResponse(export.parts, media_type=media_type, headers=headers)
