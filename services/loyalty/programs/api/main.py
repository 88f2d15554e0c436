"""The main programme over HTTP: written as a draft, looked at, and put in force from a moment on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.programs.errors import EffectiveTooEarly, NotADraft, VersionUnknown, WalletDropped, WalletTaken
from services.loyalty.programs.schemas import MAX_VERSION, ActivateIn, PreviewOut, ProgramIn, ProgramOut
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1/loyalty/program", tags=["loyalty"])

Number = Annotated[int, Path(ge=1, le=MAX_VERSION)]


@router.get("")
async def program(_: Reader, loyalty: Loyalty) -> ProgramOut:
    """Get the programme as it is in force now; where nothing was configured, the default: version 0."""
    return ProgramOut.of(*await loyalty.programs.in_force())


@router.post("/versions", response_model=ProgramOut, status_code=201, responses=problems(BadIdempotencyKey))
async def draft_version(body: ProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Write the next version of the programme down, as a draft."""
    return answer(await loyalty.programs.draft(body, by=caller.key_id, idem=idem))


@router.get("/versions", responses=problems(BadCursor))
async def versions(_: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None) -> Page[ProgramOut]:
    """List the versions of the programme, the latest first."""
    found = await loyalty.programs.listed(before=number_in(cursor, below=MAX_VERSION + 1), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), lambda each: ProgramOut.of(each.terms, each))


@router.get("/versions/{version}", responses=problems(VersionUnknown))
async def version(version: Number, _: Reader, loyalty: Loyalty) -> ProgramOut:
    """Get a version of the programme."""
    found = await loyalty.programs.get(version)
    return ProgramOut.of(found.terms, found)


@router.put(
    "/versions/{version}",
    response_model=ProgramOut,
    responses=problems(BadIdempotencyKey, VersionUnknown, NotADraft),
)
async def change_version(
    version: Number, body: ProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Write a draft anew, whole."""
    return answer(await loyalty.programs.change(version, body, by=caller.key_id, idem=idem))


@router.post(
    "/versions/{version}/activate",
    response_model=ProgramOut,
    responses=problems(BadIdempotencyKey, VersionUnknown, NotADraft, EffectiveTooEarly, WalletDropped, WalletTaken),
)
async def activate_version(
    version: Number, body: ActivateIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Put a draft in force, at once or from a later moment on; points that were earned before keep what they had."""
    return answer(await loyalty.programs.activate(version, body.effective_at, by=caller.key_id, idem=idem))


@router.post(
    "/versions/{version}/withdraw",
    response_model=ProgramOut,
    responses=problems(BadIdempotencyKey, VersionUnknown, NotADraft),
)
async def withdraw_version(version: Number, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Put a draft aside."""
    return answer(await loyalty.programs.withdraw(version, by=caller.key_id, idem=idem))


@router.get("/versions/{version}/preview", responses=problems(VersionUnknown))
async def preview_version(
    version: Number,
    _: Reader,
    loyalty: Loyalty,
    earned_at: Annotated[list[Instant] | None, Query(max_length=50, description="Moments; none: now.")] = None,
) -> PreviewOut:
    """Say from when to when points would count that are earned at some moments, and what of that is new."""
    moments: list[datetime] = earned_at or []
    return await loyalty.programs.preview(version, earned_at=moments)
