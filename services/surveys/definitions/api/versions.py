"""Versions of surveys over HTTP: what was asked, what changed, and what somebody would see."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from services.surveys.api import Reader, Surveys
from services.surveys.definitions.errors import BadAnswers, SurveyNotFound, VersionNotFound
from services.surveys.definitions.schemas.live import DiffOut, VersionLineOut, VersionOut
from services.surveys.definitions.schemas.preview import PreviewIn, PreviewOut
from services.surveys.definitions.schemas.survey import SurveyIn
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/surveys/{survey_id}", tags=["surveys"])

Number = Annotated[int, Path(ge=1, lt=2**31)]
NumberOrDraft = Annotated[int, Path(ge=0, lt=2**31, description="0: the draft.")]
Earlier = Annotated[
    int | None, Query(ge=0, lt=2**31, alias="from", description="None: the version before; 0: nothing.")
]


@router.get("/versions", responses=problems(BadCursor, SurveyNotFound))
async def survey_versions(
    survey_id: UUID, _: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionLineOut]:
    """List the versions of a survey, the latest first."""
    found = await surveys.survey_versions.listed(survey_id, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,))


@router.get("/versions/{version}", responses=problems(VersionNotFound))
async def survey_version(survey_id: UUID, version: Number, _: Reader, surveys: Surveys) -> VersionOut:
    """Get a version of a survey."""
    return await surveys.survey_versions.get(survey_id, version)


@router.get("/versions/{version}/export", responses=problems(VersionNotFound))
async def export_survey_version(survey_id: UUID, version: Number, _: Reader, surveys: Surveys) -> SurveyIn:
    """Get a version as a document; `POST /v1/surveys` takes it, here or in another installation."""
    return await surveys.survey_versions.document(survey_id, version)


@router.get("/versions/{version}/diff", responses=problems(SurveyNotFound, VersionNotFound))
async def diff_survey_versions(
    survey_id: UUID, version: NumberOrDraft, _: Reader, surveys: Surveys, before: Earlier = None
) -> DiffOut:
    """Say what changed from one version to another, or to the draft."""
    return await surveys.survey_versions.diff(survey_id, version, before)


@router.post("/preview", responses=problems(BadAnswers, SurveyNotFound, VersionNotFound))
async def preview_survey(survey_id: UUID, body: PreviewIn, _: Reader, surveys: Surveys) -> PreviewOut:
    """Say what somebody would be asked who gave these answers. Nothing is stored."""
    return await surveys.survey_versions.preview(survey_id, body)
