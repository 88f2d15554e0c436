"""Household pools over HTTP. The shop says for which member it asks; what they may is decided here."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.loyalty.api import Checkout, Loyalty, Reader, Writer
from services.loyalty.points.errors import NotEnoughPoints, SpendingLimit
from services.loyalty.pools.errors import (
    BadPoolMember,
    InPoolAlready,
    InvitationOver,
    InvitationUnknown,
    NotInPool,
    PoolFull,
    PoolLimit,
    PoolNone,
    PoolSpendElsewhere,
    PoolSpendUnknown,
    PoolUnknown,
    RoleNeeded,
    WalletNotPooled,
)
from services.loyalty.pools.schemas import (
    ChangeIn,
    InvitationOut,
    InvitationsOut,
    InviteIn,
    LeaveIn,
    MemberLimitIn,
    PoolHoldIn,
    PoolIn,
    PoolOut,
    ReturnIn,
    RoleIn,
    SpendIn,
    SpentOut,
)
from services.loyalty.pools.service import read_member
from services.loyalty.programs.errors import UnknownWallet
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["pools"])

Reference = Annotated[
    str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]
_ASKED = problems(BadIdempotencyKey, BadPoolMember, PoolUnknown, NotInPool, RoleNeeded)
_INVITED = problems(BadIdempotencyKey, InvitationUnknown, InvitationOver, PoolUnknown)
_SPENT = problems(
    BadIdempotencyKey,
    BadPoolMember,
    PoolUnknown,
    NotInPool,
    RoleNeeded,
    WalletNotPooled,
    PoolLimit,
    NotEnoughPoints,
    SpendingLimit,
    UnknownWallet,
)


@router.post(
    "/pools",
    response_model=PoolOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, BadPoolMember, InPoolAlready, UnknownWallet),
)
async def create_pool(body: PoolIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let a member open a pool, and own it. Points stay in the wallet of who earned them."""
    return answer(await loyalty.pools.create(body, by=caller.key_id, idem=idem))


@router.get("/pools/{pool}", responses=problems(PoolUnknown))
async def pool(pool: UUID, _: Reader, loyalty: Loyalty) -> PoolOut:
    """Get a pool: who is in it, and what they have together."""
    return await loyalty.pools.get(pool)


@router.put("/pools/{pool}/limits", response_model=PoolOut, responses=_ASKED | problems(PoolFull, RoleNeeded))
async def change_pool(pool: UUID, body: ChangeIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Change how large a pool may be, and what a member may spend on a day."""
    return answer(await loyalty.pools.change(pool, body, idem=idem))


@router.post(
    "/pools/{pool}/invitations",
    response_model=InvitationOut,
    status_code=201,
    responses=_ASKED | problems(InPoolAlready, NotInPool, RoleNeeded),
)
async def invite_to_pool(pool: UUID, body: InviteIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Invite somebody into a pool."""
    return answer(await loyalty.pools.invite(pool, body, idem=idem))


@router.post(
    "/pool-invitations/{invitation}/accept",
    response_model=PoolOut,
    responses=_INVITED | problems(InvitationOver, InPoolAlready, PoolFull),
)
async def accept_invitation(invitation: UUID, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let the invited member come in."""
    return answer(await loyalty.pools.accept(invitation, idem=idem))


@router.post("/pool-invitations/{invitation}/decline", response_model=InvitationOut, responses=_INVITED)
async def decline_invitation(invitation: UUID, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Say that the invited member does not come."""
    return answer(await loyalty.pools.end_invitation(invitation, "declined", idem=idem))


@router.post("/pool-invitations/{invitation}/revoke", response_model=InvitationOut, responses=_INVITED)
async def revoke_invitation(invitation: UUID, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Take an invitation back."""
    return answer(await loyalty.pools.end_invitation(invitation, "revoked", idem=idem))


@router.post("/pools/{pool}/leave", response_model=PoolOut, responses=_ASKED)
async def leave_pool(pool: UUID, body: LeaveIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let a member leave with what is left of their own points; answers the pool as it is then."""
    return answer(await loyalty.pools.leave(pool, body, idem=idem))


@router.post("/pools/{pool}/roles", response_model=PoolOut, responses=_ASKED)
async def set_pool_role(pool: UUID, body: RoleIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Give a member another role: owner, spender, or saver, who spends nothing."""
    return answer(await loyalty.pools.set_role(pool, body, idem=idem))


@router.post("/pools/{pool}/limits", response_model=PoolOut, responses=_ASKED)
async def set_pool_member_limit(
    pool: UUID, body: MemberLimitIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Say what one member may spend of the pool in a local day, week or month: by itself, at the checkout and for
    rewards alike. It is theirs under all their keys, and ends when they leave."""
    return answer(await loyalty.pools.set_limit(pool, body, idem=idem))


@router.post("/pools/{pool}/spends", response_model=SpentOut, status_code=201, responses=_SPENT)
async def spend_from_pool(
    pool: UUID, body: SpendIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let a member spend of what all have: what ends first first, whoever's it is."""
    return answer(await loyalty.pools.spend(pool, body, actor=caller.key_id, idem=idem))


@router.post("/pools/{pool}/holds", response_model=SpentOut, status_code=201, responses=_SPENT)
async def hold_in_pool(
    pool: UUID, body: PoolHoldIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let a member set points apart of what all have; commit, extend or void it under /v1/loyalty/holds."""
    return answer(await loyalty.pools.hold(pool, body, actor=caller.key_id, idem=idem))


@router.get("/pools/{pool}/spends", responses=problems(BadCursor, PoolUnknown))
async def pool_spends(
    pool: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[SpentOut]:
    """List what was spent from a pool, the latest first."""
    found = await loyalty.pools.spends(pool, before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,), SpentOut.of)


@router.post(
    "/pools/{pool}/spends/{spend}/return",
    response_model=SpentOut,
    responses=problems(BadIdempotencyKey, PoolSpendUnknown, PoolSpendElsewhere),
)
async def return_to_pool(
    pool: UUID, spend: UUID, body: ReturnIn, _: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Return points of a spend to the lots, and so to the members, they came from. What paid for an order or a reward
    comes back with its roll-back or cancellation."""
    return answer(await loyalty.pools.give_back(pool, spend, body, idem=idem))


@router.get("/members/{customer}/pool", responses=problems(BadPoolMember, PoolNone))
async def member_pool(customer: Reference, _: Reader, loyalty: Loyalty) -> PoolOut:
    """Get the pool a member is in."""
    return await loyalty.pools.of(read_member(customer))


@router.get("/members/{customer}/pool-invitations", responses=problems(BadPoolMember))
async def member_invitations(customer: Reference, _: Reader, loyalty: Loyalty) -> InvitationsOut:
    """List the invitations of a member that stand."""
    found = await loyalty.pools.invitations(read_member(customer))
    return InvitationsOut(invitations=[InvitationOut.of(each) for each in found])
