"""Campaigns over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.vouchers.domain.voucher import CampaignState
from services.loyalty.vouchers.errors import (
    BadRule,
    BadTerms,
    CampaignMoved,
    CampaignNameTaken,
    CampaignUnknown,
    CardsHoldMoney,
    LimitBelowUsed,
    TooManyPromotions,
    WrongState,
)
from services.loyalty.vouchers.schemas.campaigns import (
    CampaignChangeIn,
    CampaignIn,
    CampaignOut,
    PoolOut,
    StateIn,
    VersionOut,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["campaigns"])

_State = Annotated[CampaignState | None, Query(description="Only those in this state.")]


@router.post(
    "/campaigns",
    response_model=CampaignOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, BadTerms, BadRule, CampaignNameTaken),
)
async def create_campaign(body: CampaignIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Create a voucher campaign, a draft; nothing is granted before it is activated."""
    return answer(await loyalty.campaigns.create(body, by=caller.key_id, idem=idem))


@router.get("/campaigns", responses=problems(BadCursor))
async def campaigns(
    _: Reader, loyalty: Loyalty, state: _State = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[CampaignOut]:
    """List campaigns with their live counters, those made last first."""
    found = await loyalty.campaigns.listed(before=id_in(cursor), state=state, limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


@router.get("/campaigns/{campaign}", responses=problems(CampaignUnknown))
async def campaign(campaign: UUID, _: Reader, loyalty: Loyalty) -> CampaignOut:
    """Get a campaign with its live counters."""
    return await loyalty.campaigns.get(campaign)


@router.put(
    "/campaigns/{campaign}",
    response_model=CampaignOut,
    responses=problems(
        BadIdempotencyKey,
        CampaignUnknown,
        CampaignMoved,
        WrongState,
        LimitBelowUsed,
        BadTerms,
        BadRule,
        CampaignNameTaken,
    ),
)
async def change_campaign(
    campaign: UUID, body: CampaignChangeIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Change a campaign that is still of the version you read, also while it runs; the version before is kept."""
    return answer(await loyalty.campaigns.change(campaign, body, by=caller.key_id, idem=idem))


@router.post(
    "/campaigns/{campaign}/state",
    response_model=CampaignOut,
    responses=problems(BadIdempotencyKey, CampaignUnknown, WrongState, TooManyPromotions, CardsHoldMoney),
)
async def set_campaign_state(
    campaign: UUID, body: StateIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Activate, pause, resume or end a campaign; it holds from this answer on."""
    return answer(await loyalty.campaigns.set_state(campaign, body, idem=idem))


@router.get("/campaigns/{campaign}/versions", responses=problems(BadCursor, CampaignUnknown))
async def campaign_versions(
    campaign: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionOut]:
    """List what a campaign has said, the latest version first."""
    found = await loyalty.campaigns.versions(campaign, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), VersionOut.of)


@router.get("/campaigns/{campaign}/pool", responses=problems(CampaignUnknown))
async def campaign_pool(campaign: UUID, _: Reader, loyalty: Loyalty) -> PoolOut:
    """Count the codes that a campaign keeps ready to be assigned. Missing ones are made within seconds."""
    return await loyalty.code_pools.shown(campaign)
