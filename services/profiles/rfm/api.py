"""The scale of RFM scores over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from services.profiles.api import Profiles, Reader, Writer
from services.profiles.rfm.errors import ScaleMoved
from services.profiles.rfm.schemas import ScaleIn, ScaleOut
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/rfm-scale", tags=["segments"])

IfMatch = Annotated[str | None, Header(description="ETags or versions; another by now is refused with 412.")]


@router.get("", response_model=ScaleOut, responses=UNMODIFIED)
async def rfm_scale(_: Reader, profiles: Profiles, request: Request) -> Response:
    """Get the scale that recency, frequency and monetary scores are on. The ETag is that of the version alone."""
    found = ScaleOut.of(await profiles.rfm.get())
    return with_etag(request, found.model_dump_json().encode(), same=found.identity())


@router.put("", response_model=ScaleOut, responses=problems(BadIdempotencyKey, ScaleMoved))
async def set_rfm_scale(
    body: ScaleIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Set the scale. Everybody is asked again, in the background, for the segments that ask for a score."""
    held = None if if_match is None or if_match.strip() == "*" else frozenset(map(_tag, if_match.split(",")))
    return answer(await profiles.rfm.put(body, by=caller.key_id, if_match=held, idem=idem))


@router.get("/versions", responses=problems(BadCursor))
async def rfm_scale_versions(_: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None) -> Page[ScaleOut]:
    """List the scales there were, the latest first."""
    found = await profiles.rfm.versions(before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), ScaleOut.of)


def _tag(text: str) -> str:
    return text.strip().removeprefix("W/").strip('"')
