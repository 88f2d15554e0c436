"""Referrals over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.programs.errors import UnknownWallet
from services.loyalty.referrals.domain.referral import State
from services.loyalty.referrals.errors import (
    AlreadyReferred,
    BadProgram,
    BadReferralCustomer,
    NotInReview,
    ProgramClosed,
    ProgramNameTaken,
    ProgramUnknown,
    ReferralCodeUnknown,
    ReferralUnknown,
    TooManyFriends,
)
from services.loyalty.referrals.schemas import (
    CodeIn,
    CodeOut,
    DecisionIn,
    ProgramIn,
    ProgramOut,
    ReferralIn,
    ReferralOut,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, moment_and_id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["referrals"])

Reference = Annotated[str | None, Query(max_length=300, description="A customer reference.")]


@router.post(
    "/referral-programs",
    response_model=ProgramOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, BadProgram, ProgramNameTaken, UnknownWallet),
)
async def create_referral_program(body: ProgramIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Create a referral programme. Its terms hold for whoever comes from now on, and stay for them."""
    return answer(await loyalty.referral_programs.create(body, by=caller.key_id, idem=idem))


@router.get("/referral-programs", responses=problems(BadCursor))
async def referral_programs(_: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None) -> Page[ProgramOut]:
    """List referral programmes, those made last first."""
    found = await loyalty.referral_programs.listed(after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/referral-programs/{program}", responses=problems(ProgramUnknown))
async def referral_program(program: UUID, _: Reader, loyalty: Loyalty) -> ProgramOut:
    """Get a referral programme."""
    return await loyalty.referral_programs.get(program)


@router.post(
    "/referral-programs/{program}/pause",
    response_model=ProgramOut,
    responses=problems(BadIdempotencyKey, ProgramUnknown),
)
async def pause_referral_program(program: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let no more friends come; those who came go on earning."""
    return answer(await loyalty.referral_programs.pause(program, is_paused=True, by=caller.key_id, idem=idem))


@router.post(
    "/referral-programs/{program}/resume",
    response_model=ProgramOut,
    responses=problems(BadIdempotencyKey, ProgramUnknown),
)
async def resume_referral_program(program: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let friends come again."""
    return answer(await loyalty.referral_programs.pause(program, is_paused=False, by=caller.key_id, idem=idem))


@router.post(
    "/referral-programs/{program}/codes",
    response_model=CodeOut,
    status_code=201,
    responses={
        200: {"description": "The customer has this code already.", "model": CodeOut},
        **problems(ProgramUnknown, ProgramClosed, BadReferralCustomer),
    },
)
async def referral_code(program: UUID, body: CodeIn, _: Writer, loyalty: Loyalty) -> Response:
    """Get a customer's code and link; the first asking makes it, the same is given ever after."""
    found, is_new = await loyalty.referral_programs.code(program, body)
    return _json(found.model_dump_json(), is_new=is_new)


@router.post(
    "/referrals",
    response_model=ReferralOut,
    status_code=201,
    responses={
        200: {"description": "The customer came with this code before.", "model": ReferralOut},
        **problems(
            ReferralCodeUnknown, ProgramUnknown, ProgramClosed, BadReferralCustomer, AlreadyReferred, TooManyFriends
        ),
    },
)
async def register_referral(body: ReferralIn, _: Writer, loyalty: Loyalty) -> Response:
    """Say that a customer came with a code. The answer tells what spoke against it; sent again, the same answer."""
    found, is_new = await loyalty.referrals.register(body)
    return _json(found.model_dump_json(), is_new=is_new)


@router.get("/referrals", responses=problems(BadCursor, BadReferralCustomer))
async def referrals(
    _: Reader,
    loyalty: Loyalty,
    state: State | None = None,
    advocate: Reference = None,
    friend: Reference = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReferralOut]:
    """List referrals, those that came first first; `state=review` is the queue of those that wait for a person."""
    found = await loyalty.referrals.listed(
        state=state, advocate=advocate, friend=friend, after=moment_and_id_in(cursor), limit=limit
    )
    return page_of(found, limit, lambda each: (each.registered_at, each.id))


@router.get("/referrals/{referral}", responses=problems(ReferralUnknown))
async def referral(referral: UUID, _: Reader, loyalty: Loyalty) -> ReferralOut:
    """Get a referral, and what became of its milestones."""
    return await loyalty.referrals.get(referral)


@router.post(
    "/referrals/{referral}/approve",
    response_model=ReferralOut,
    responses=problems(BadIdempotencyKey, ReferralUnknown, NotInReview),
)
async def approve_referral(
    referral: UUID, body: DecisionIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let a referral stand that waited for review; what was held back by that is paid."""
    return answer(await loyalty.referrals.approve(referral, body, by=caller.key_id, idem=idem))


@router.post(
    "/referrals/{referral}/reject",
    response_model=ReferralOut,
    responses=problems(BadIdempotencyKey, ReferralUnknown, NotInReview),
)
async def reject_referral(
    referral: UUID, body: DecisionIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let a referral fall, in review or after; what was paid is taken back."""
    return answer(await loyalty.referrals.reject(referral, body, by=caller.key_id, idem=idem))


def _json(body: str, *, is_new: bool) -> Response:
    return Response(body, status_code=201 if is_new else 200, media_type="application/json")
