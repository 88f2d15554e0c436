"""Rewards over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.loyalty.api import Checkout, Loyalty, Reader, Writer
from services.loyalty.pools.errors import NotInPool, PoolLimit, PoolUnknown, RoleNeeded, WalletNotPooled
from services.loyalty.programs.errors import UnknownWallet
from services.loyalty.rewards.domain import PurchaseState, RewardState
from services.loyalty.rewards.errors import (
    BadReward,
    BadRewardCustomer,
    NotEligible,
    PurchaseSettled,
    PurchaseUnknown,
    RewardMoved,
    RewardUnknown,
    StockTaken,
)
from services.loyalty.rewards.schemas import (
    MAX_QUANTITY,
    EligibilityOut,
    NoteIn,
    PurchaseIn,
    PurchaseOut,
    RewardChangeIn,
    RewardIn,
    RewardOut,
    StockIn,
)
from services.loyalty.vouchers.errors import AlreadyAssigned, CampaignUnknown, ValueNeeded, WrongKindOfCodes, WrongState
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["rewards"])

Customer = Annotated[
    str | None, Query(max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>.")
]


@router.post(
    "/rewards", response_model=RewardOut, status_code=201, responses=problems(BadIdempotencyKey, UnknownWallet)
)
async def create_reward(body: RewardIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Put a reward into the catalogue."""
    return answer(await loyalty.rewards.create(body, by=caller.key_id, idem=idem))


@router.get("/rewards", responses=problems(BadCursor, BadRewardCustomer))
async def rewards(
    _: Reader,
    loyalty: Loyalty,
    state: RewardState | None = None,
    customer: Customer = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RewardOut]:
    """List rewards, those made last first; with a customer, whether they may have one of each, and why not."""
    found = await loyalty.rewards.listed(state=state, customer=customer, after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/rewards/{reward}", responses=problems(RewardUnknown))
async def reward(reward: UUID, _: Reader, loyalty: Loyalty) -> RewardOut:
    """Get a reward."""
    return await loyalty.rewards.get(reward)


@router.put(
    "/rewards/{reward}",
    response_model=RewardOut,
    responses=problems(BadIdempotencyKey, RewardUnknown, RewardMoved, StockTaken, BadReward, UnknownWallet),
)
async def change_reward(
    reward: UUID, body: RewardChangeIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Change a reward that is still of the version you read; what was bought stays as it is."""
    return answer(await loyalty.rewards.change(reward, body, by=caller.key_id, idem=idem))


@router.post(
    "/rewards/{reward}/stock",
    response_model=RewardOut,
    responses=problems(BadIdempotencyKey, RewardUnknown, StockTaken, BadReward),
)
async def add_reward_stock(
    reward: UUID, body: StockIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Add units to a reward's stock, or take some away, while it sells."""
    return answer(await loyalty.rewards.add_stock(reward, body, by=caller.key_id, idem=idem))


@router.get("/rewards/{reward}/eligibility", responses=problems(RewardUnknown, BadRewardCustomer))
async def reward_eligibility(
    reward: UUID,
    customer: Annotated[str, Query(min_length=1, max_length=300, description="A customer reference.")],
    _: Reader,
    loyalty: Loyalty,
    quantity: Annotated[int, Query(ge=1, le=MAX_QUANTITY)] = 1,
) -> EligibilityOut:
    """Say whether a customer may have so many of a reward, what it would cost, and everything that is in the way."""
    return await loyalty.rewards.eligibility(reward, customer, quantity)


@router.post(
    "/rewards/{reward}/purchases",
    response_model=PurchaseOut,
    status_code=201,
    responses=problems(
        BadIdempotencyKey,
        RewardUnknown,
        BadRewardCustomer,
        NotEligible,
        RewardMoved,
        CampaignUnknown,
        WrongKindOfCodes,
        WrongState,
        AlreadyAssigned,
        ValueNeeded,
        PoolUnknown,
        NotInPool,
        RoleNeeded,
        WalletNotPooled,
        PoolLimit,
    ),
)
async def buy_reward(
    reward: UUID, body: PurchaseIn, caller: Checkout, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Buy a reward with points: units and points are taken together, or neither. With `pool` a household's points
    pay, while price, limits and segments stay those of the customer. Send an Idempotency-Key."""
    return answer(await loyalty.rewards.buy(reward, body, by=caller.key_id, idem=idem))


@router.get("/reward-purchases", responses=problems(BadCursor, BadRewardCustomer))
async def reward_purchases(
    _: Reader,
    loyalty: Loyalty,
    customer: Customer = None,
    reward: UUID | None = None,
    state: PurchaseState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PurchaseOut]:
    """List purchases, the latest first; `state=ordered` is what waits to be handed over."""
    found = await loyalty.rewards.purchases(
        customer=customer, reward=reward, state=state, before=id_in(cursor), limit=limit
    )
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/reward-purchases/{purchase}", responses=problems(PurchaseUnknown))
async def reward_purchase(purchase: UUID, _: Reader, loyalty: Loyalty) -> PurchaseOut:
    """Get a purchase."""
    return await loyalty.rewards.purchase(purchase)


@router.post(
    "/reward-purchases/{purchase}/fulfil",
    response_model=PurchaseOut,
    responses=problems(BadIdempotencyKey, PurchaseUnknown, PurchaseSettled),
)
async def fulfil_purchase(
    purchase: UUID, body: NoteIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Note that a purchase was handed over."""
    return answer(await loyalty.rewards.fulfil(purchase, body, by=caller.key_id, idem=idem))


@router.post(
    "/reward-purchases/{purchase}/cancel",
    response_model=PurchaseOut,
    responses=problems(BadIdempotencyKey, PurchaseUnknown, PurchaseSettled),
)
async def cancel_purchase(
    purchase: UUID, body: NoteIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Cancel a purchase that was not handed over: points go back to the lots they came from, units to the stock."""
    return answer(await loyalty.rewards.cancel(purchase, body, by=caller.key_id, idem=idem))
