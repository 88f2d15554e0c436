"""Segments over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.profiles.api import Profiles, Reader, Writer, sees_sensitive
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown
from services.profiles.schemas import MAX_REFERENCE
from services.profiles.segments.errors import (
    BadRule,
    NameTaken,
    NotAList,
    RuleNeeded,
    SegmentInUse,
    SegmentMoved,
    SegmentUnknown,
    SensitiveCondition,
    TooManySegments,
)
from services.profiles.segments.schemas import (
    BelongingsOut,
    ListChangedOut,
    ListChangeIn,
    PreviewIn,
    PreviewOut,
    SegmentChangeIn,
    SegmentIn,
    SegmentMemberOut,
    SegmentOut,
    SegmentSizeOut,
    VersionOut,
)
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, number_in, page_of
from shared.http.problems import problems

# `{segment:uuid}`: other words in its place are other resources, with methods of their own.
router = APIRouter(prefix="/v1", tags=["segments"])

Reference = Annotated[str, Path(max_length=MAX_REFERENCE, description="A customer id, or `<type>:<value>`.")]


@router.post(
    "/segments",
    response_model=SegmentOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, BadRule, RuleNeeded, SensitiveCondition, NameTaken, TooManySegments),
)
async def create_segment(body: SegmentIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Create a segment; within seconds everybody who belongs there is in it, and from then on at once."""
    sees = sees_sensitive(caller)
    return answer(await profiles.segments.create(body, by=caller.key_id, idem=idem, sees_sensitive=sees))


@router.get("/segments", responses=problems(BadCursor))
async def segments(_: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None) -> Page[SegmentOut]:
    """List segments, those made last first."""
    found = await profiles.segments.listed(after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,), SegmentOut.of)


@router.post("/segments/preview", responses=problems(BadRule, SensitiveCondition))
async def preview_segment(body: PreviewIn, caller: Reader, profiles: Profiles) -> PreviewOut:
    """Ask a rule before it is saved: how many people it takes in now, and some of them."""
    return PreviewOut.of(*await profiles.segments.preview(body.rule, sees_sensitive=sees_sensitive(caller)))


@router.get(
    "/segments/{segment:uuid}",
    response_model=SegmentSizeOut,
    responses={**UNMODIFIED, **problems(SegmentUnknown)},
)
async def segment(segment: UUID, _: Reader, profiles: Profiles, request: Request) -> Response:
    """Get a segment and its live size."""
    found = SegmentSizeOut.sized(*await profiles.segments.get(segment))
    return with_etag(request, found.model_dump_json().encode())


@router.put(
    "/segments/{segment:uuid}",
    response_model=SegmentOut,
    responses=problems(
        BadIdempotencyKey, SegmentUnknown, SegmentMoved, BadRule, RuleNeeded, SensitiveCondition, NameTaken
    ),
)
async def change_segment(
    segment: UUID, body: SegmentChangeIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Change a segment that is still of the version you read; with another rule everybody is asked again."""
    sees = sees_sensitive(caller)
    said = await profiles.segments.change(segment, body, by=caller.key_id, idem=idem, sees_sensitive=sees)
    return answer(said)


@router.delete("/segments/{segment:uuid}", status_code=204, responses=problems(SegmentUnknown, SegmentInUse))
async def delete_segment(segment: UUID, _: Writer, profiles: Profiles) -> None:
    """Delete a segment; everybody leaves it."""
    await profiles.segments.delete(segment)


@router.get("/segments/{segment:uuid}/versions", responses=problems(BadCursor, SegmentUnknown))
async def segment_versions(
    segment: UUID, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionOut]:
    """List what a segment was, the latest version first."""
    found = await profiles.segments.versions(segment, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), VersionOut.of)


@router.get("/segments/{segment:uuid}/members", responses=problems(BadCursor, SegmentUnknown, SensitiveCondition))
async def segment_members(
    segment: UUID, caller: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[SegmentMemberOut]:
    """List who is in a segment, by id; where that tells of a sensitive trait, to who is told it."""
    sees = sees_sensitive(caller)
    found = await profiles.segments.members(segment, after=id_in(cursor), limit=limit, sees_sensitive=sees)
    return page_of(found, limit, lambda each: (each.customer_id,), SegmentMemberOut.of)


@router.post(
    "/segments/{segment:uuid}/members",
    response_model=ListChangedOut,
    responses=problems(BadIdempotencyKey, SegmentUnknown, NotAList),
)
async def change_list(
    segment: UUID, body: ListChangeIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Put customers on a static list and take others off it; a reference that names nobody is passed over."""
    return answer(await profiles.segments.change_list(segment, body, by=caller.key_id, idem=idem))


@router.get(
    "/customers/{customer}/segments",
    response_model=BelongingsOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def customer_segments(customer: Reference, caller: Reader, profiles: Profiles, request: Request) -> Response:
    """List the segments that a customer is in, but for those that tell of a sensitive trait to who is not told it."""
    found = BelongingsOut.of(*await profiles.segments.of(customer, sees_sensitive=sees_sensitive(caller)))
    return with_etag(request, found.model_dump_json().encode())
