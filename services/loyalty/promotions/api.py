"""Promotions over HTTP: the firm's stacking rules, and what budgets have left. Promotions themselves are campaigns."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.promotions.errors import BadStacking, StackingMoved
from services.loyalty.promotions.schemas import BudgetOut, StackingIn, StackingOut
from services.loyalty.vouchers.errors import CampaignUnknown
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    page_of,
)
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["promotions"])


@router.get("/stacking")
async def stacking(_: Reader, loyalty: Loyalty) -> StackingOut:
    """Get how vouchers and promotions stand together."""
    return await loyalty.promotions.stacking()


@router.put("/stacking", response_model=StackingOut, responses=problems(BadIdempotencyKey, BadStacking, StackingMoved))
async def set_stacking(body: StackingIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Say how vouchers and promotions stand together, by the version you read; it holds within a second."""
    return answer(await loyalty.promotions.set_stacking(body, by=caller.key_id, idem=idem))


@router.get("/campaigns/{campaign}/budgets", responses=problems(BadCursor, CampaignUnknown))
async def campaign_budgets(
    campaign: UUID, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[BudgetOut]:
    """List the live counters of a campaign's budgets, the latest period first."""
    found = await loyalty.promotions.budgets(campaign, after=_after(cursor), limit=limit)
    return page_of(found, limit, lambda each: each.place())


def _after(cursor: str | None) -> list[str] | None:
    if cursor is None:
        return None
    place = decode_cursor(cursor, length=3)
    if not all(isinstance(each, str) for each in place):
        raise BadCursor
    return place
