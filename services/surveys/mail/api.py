"""Mail over HTTP for staff: what it would look like."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.surveys.api import Reader, Surveys
from services.surveys.definitions.errors import SurveyNotFound, VersionNotFound
from services.surveys.mail.schemas.message import html_part, text_part
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["surveys"])

# The mail brings its own styles, and nothing else may be loaded or run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get(
    "/surveys/{survey_id}/preview/mail",
    response_class=Response,
    responses={
        200: {
            "description": "The mail.",
            "content": {"text/html": {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}},
        },
        **problems(SurveyNotFound, VersionNotFound),
    },
)
async def preview_mail(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    locale: Annotated[str | None, Query(max_length=35, description="None: the survey's own.")] = None,
    version: Annotated[int | None, Query(ge=1, le=1_000_000, description="None: the newest.")] = None,
    part: Annotated[Literal["html", "text"], Query(description="Which part of the mail.")] = "html",
) -> Response:
    """Get the mail as customers see it. Nothing is sent, and its links lead nowhere."""
    letter = await surveys.letters.preview(survey_id, version=version, locale=locale)
    said, kind = (html_part(letter), "text/html") if part == "html" else (text_part(letter), "text/plain")
    return Response(said, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}, media_type=kind)
