"""Pages over HTTP for staff: previews, whole links, and what clicks came to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.asking.errors import InvitationNotFound
from services.surveys.definitions.errors import SurveyNotFound, VersionNotFound
from services.surveys.pages.api.answers import page
from services.surveys.pages.errors import NoPublicUrl
from services.surveys.pages.schemas.page import form_page
from services.surveys.pages.schemas.staff import ClicksOut, LinksOut, PolicyIn, PolicyOut
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["surveys"])

Locale = Annotated[str | None, Query(max_length=35, description="The language to read in; none: the survey's own.")]
Version = Annotated[int | None, Query(ge=1, le=1_000_000, description="As it was then; none: the newest.")]


@router.get(
    "/surveys/{survey_id}/preview/page",
    response_class=HTMLResponse,
    responses=problems(SurveyNotFound, VersionNotFound),
)
async def preview_page(
    survey_id: UUID,
    _: Reader,
    surveys: Surveys,
    locale: Locale = None,
    version: Version = None,
    at: Annotated[str | None, Query(max_length=40, description="The question to begin with; none: the first.")] = None,
) -> Response:
    """Get the page as customers see it. Nothing is recorded, and nothing can be sent from it."""
    return page(form_page(await surveys.page_previews.page(survey_id, version=version, locale=locale, at=at)))


@router.get("/invitations/{invitation_id}/links", responses=problems(InvitationNotFound, NoPublicUrl))
async def invitation_links(invitation_id: UUID, _: Writer, surveys: Surveys) -> LinksOut:
    """Get the links of an invitation, to bring them to the customer by a channel of your own."""
    return await surveys.addresses.of_invitation(invitation_id)


@router.get("/surveys/{survey_id}/clicks", responses=problems(SurveyNotFound))
async def clicks(survey_id: UUID, _: Reader, surveys: Surveys) -> ClicksOut:
    """Get what clicks on score links came to: confirmed, not confirmed, and those of machines."""
    return ClicksOut.of(*await surveys.clicks.summary(survey_id))


@router.put(
    "/surveys/{survey_id}/click-policy",
    response_model=PolicyOut,
    responses=problems(SurveyNotFound, BadIdempotencyKey),
)
async def set_click_policy(
    survey_id: UUID, body: PolicyIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey
) -> Response:
    """Say whether a clean click that nobody confirms counts after a time. Where nobody says so, it never does."""
    return answer(await surveys.clicks.set_policy(survey_id, body.infer_after_seconds, by=caller.key_id, idem=idem))
