"""Several programmes side by side over HTTP: each with its zone, its wallets, its versions and its phases."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.programs.domain.beside import Phase
from services.loyalty.programs.errors import (
    EffectiveTooEarly,
    NotADraft,
    ProgramTaken,
    ProgramUnknown,
    TooManyPrograms,
    VersionUnknown,
    WalletDropped,
    WalletTaken,
    WrongPhase,
)
from services.loyalty.programs.schemas import (
    MAX_VERSION,
    ActivateIn,
    NewProgramIn,
    PreviewOut,
    ProgramCardOut,
    ProgramIn,
    ProgramOut,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1/loyalty/programs", tags=["loyalty"])

Key = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["main"])]
Number = Annotated[int, Path(ge=1, le=MAX_VERSION)]
Verb = Literal["pause", "resume", "archive"]
_PHASES: dict[Verb, Phase] = {"pause": "paused", "resume": "active", "archive": "archived"}
_VERSION = problems(BadIdempotencyKey, ProgramUnknown, VersionUnknown, NotADraft)


@router.get("")
async def programs(_: Reader, loyalty: Loyalty) -> list[ProgramCardOut]:
    """List all loyalty programmes, the main one first."""
    return await loyalty.programs.cards()


@router.post(
    "",
    response_model=ProgramCardOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, ProgramTaken, TooManyPrograms),
)
async def create_program(body: NewProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Make another programme, a draft until a version of it is activated."""
    return answer(await loyalty.programs.create(body, by=caller.key_id, idem=idem))


@router.get("/{program}", responses=problems(ProgramUnknown))
async def one_program(program: Key, _: Reader, loyalty: Loyalty) -> ProgramCardOut:
    """Get a programme as it stands now."""
    return await loyalty.programs.card(program)


@router.post(
    "/{program}/phases/{verb}",
    response_model=ProgramCardOut,
    responses=problems(BadIdempotencyKey, ProgramUnknown, WrongPhase),
)
async def change_phase(program: Key, verb: Verb, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Pause, resume or archive a programme: while it does not go on, nothing earns; what members have they keep."""
    return answer(await loyalty.programs.to_phase(program, _PHASES[verb], by=caller.key_id, idem=idem))


@router.post(
    "/{program}/versions",
    response_model=ProgramOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, ProgramUnknown),
)
async def draft_program_version(
    program: Key, body: ProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Write the next version of a programme down, as a draft."""
    return answer(await loyalty.programs.draft(body, by=caller.key_id, idem=idem, program=program))


@router.get("/{program}/versions", responses=problems(BadCursor, ProgramUnknown))
async def program_versions(
    program: Key, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProgramOut]:
    """List the versions of a programme, the latest first."""
    before = number_in(cursor, below=MAX_VERSION + 1)
    found = await loyalty.programs.listed(before=before, limit=limit, program=program)
    return page_of(found, limit, lambda each: (each.version,), lambda each: ProgramOut.of(each.terms, each))


@router.get("/{program}/versions/{version}", responses=problems(ProgramUnknown, VersionUnknown))
async def program_version(program: Key, version: Number, _: Reader, loyalty: Loyalty) -> ProgramOut:
    """Get a version of a programme."""
    found = await loyalty.programs.get(version, program)
    return ProgramOut.of(found.terms, found)


@router.put("/{program}/versions/{version}", response_model=ProgramOut, responses=_VERSION)
async def change_program_version(
    program: Key, version: Number, body: ProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Write a draft anew, whole."""
    return answer(await loyalty.programs.change(version, body, by=caller.key_id, idem=idem, program=program))


@router.post(
    "/{program}/versions/{version}/activate",
    response_model=ProgramOut,
    responses=_VERSION | problems(NotADraft, EffectiveTooEarly, WalletDropped, WalletTaken),
)
async def activate_program_version(
    program: Key, version: Number, body: ActivateIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Put a draft in force, at once or from a later moment on."""
    return answer(
        await loyalty.programs.activate(version, body.effective_at, by=caller.key_id, idem=idem, program=program)
    )


@router.post("/{program}/versions/{version}/withdraw", response_model=ProgramOut, responses=_VERSION)
async def withdraw_program_version(
    program: Key, version: Number, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Put a draft aside."""
    return answer(await loyalty.programs.withdraw(version, by=caller.key_id, idem=idem, program=program))


@router.get("/{program}/versions/{version}/preview", responses=problems(ProgramUnknown, VersionUnknown))
async def preview_program_version(
    program: Key,
    version: Number,
    _: Reader,
    loyalty: Loyalty,
    earned_at: Annotated[list[Instant] | None, Query(max_length=50, description="Moments; none: now.")] = None,
) -> PreviewOut:
    """Say from when to when points would count that are earned at some moments, and what of that is new."""
    moments: list[datetime] = earned_at or []
    return await loyalty.programs.preview(version, earned_at=moments, program=program)
