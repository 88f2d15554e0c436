"""Flash sales over HTTP. A claim is idempotent by the key in its body; confirming and releasing are so by nature."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.loyalty.api import Checkout, Loyalty, Reader, Writer
from services.loyalty.flash.errors import (
    BadPass,
    BadSaleCustomer,
    BadSaleTime,
    ClaimFallen,
    ClaimKeyReused,
    ClaimUnknown,
    ClaimUnsure,
    DrawHeld,
    ItemThere,
    ItemUnknown,
    LimitReached,
    NotDrawn,
    NotEnoughLeft,
    NotOpenYet,
    PassNeeded,
    PassOver,
    SaleOver,
    SalePaused,
    SaleUnknown,
    SoldOut,
    StillWaiting,
    TooManyWaiting,
)
from services.loyalty.flash.schemas.sales import (
    ClaimIn,
    ClaimOut,
    ConfirmIn,
    ExtendIn,
    ItemIn,
    SaleIn,
    SaleOut,
    UnitsIn,
)
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, moment_and_id_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["flash sales"])

_CHANGE = problems(BadIdempotencyKey, SaleUnknown, SaleOver)


@router.post(
    "/flash-sales", response_model=SaleOut, status_code=201, responses=problems(BadIdempotencyKey, BadSaleTime)
)
async def create_flash_sale(body: SaleIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Create a flash sale. It opens and ends by the clock of the database, at the local times given here."""
    return answer(await loyalty.flash_sales.create(body, by=caller.key_id, idem=idem))


@router.get("/flash-sales", responses=problems(BadCursor))
async def flash_sales(_: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None) -> Page[SaleOut]:
    """List flash sales, those that start last first."""
    found = await loyalty.flash_sales.listed(after=moment_and_id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each[0].starts_at, each[0].id), lambda each: SaleOut.of(*each))


@router.get("/flash-sales/{sale}", response_model=SaleOut, responses={**UNMODIFIED, **problems(SaleUnknown)})
async def flash_sale(sale: UUID, _: Reader, loyalty: Loyalty, request: Request) -> Response:
    """Get a flash sale and what is left of it, at most a tenth of a second old: made to be polled, with its ETag."""
    found = await loyalty.flash_sales.view(sale)
    same = found.model_dump_json(exclude={"as_of"}).encode()
    return with_etag(request, found.model_dump_json().encode(), same=same)


@router.post("/flash-sales/{sale}/pause", response_model=SaleOut, responses=_CHANGE)
async def pause_flash_sale(sale: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Grant no claims until the sale is resumed; when this answers, none is granted any more."""
    return answer(await loyalty.flash_sales.pause(sale, by=caller.key_id, idem=idem))


@router.post("/flash-sales/{sale}/resume", response_model=SaleOut, responses=_CHANGE)
async def resume_flash_sale(sale: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Grant claims again; the end stays when it was, extend the sale to make up for the time."""
    return answer(await loyalty.flash_sales.resume(sale, by=caller.key_id, idem=idem))


@router.post("/flash-sales/{sale}/end", response_model=SaleOut, responses=_CHANGE)
async def end_flash_sale(sale: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """End a sale now, for good. Claims that are held may still be confirmed in their time."""
    return answer(await loyalty.flash_sales.end(sale, by=caller.key_id, idem=idem))


@router.post(
    "/flash-sales/{sale}/extend",
    response_model=SaleOut,
    responses=problems(BadIdempotencyKey, SaleUnknown, SaleOver, BadSaleTime),
)
async def extend_flash_sale(
    sale: UUID, body: ExtendIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let a sale that is not over go on for longer, until a local time of its zone."""
    return answer(await loyalty.flash_sales.extend(sale, body, by=caller.key_id, idem=idem))


@router.post(
    "/flash-sales/{sale}/items",
    response_model=SaleOut,
    responses=problems(BadIdempotencyKey, SaleUnknown, SaleOver, ItemThere, DrawHeld),
)
async def add_flash_item(sale: UUID, body: ItemIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Sell another item at a sale that is not over."""
    return answer(await loyalty.flash_sales.add_item(sale, body, by=caller.key_id, idem=idem))


@router.post(
    "/flash-sales/{sale}/units",
    response_model=SaleOut,
    responses=problems(BadIdempotencyKey, SaleUnknown, SaleOver, ItemUnknown),
)
async def add_flash_units(
    sale: UUID, body: UnitsIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Add units to an item, also while it sells; where it was sold out, they can be claimed within 0.2 s."""
    return answer(await loyalty.flash_sales.add_units(sale, body, by=caller.key_id, idem=idem))


@router.post(
    "/flash-sales/{sale}/claims",
    response_model=ClaimOut,
    status_code=201,
    responses={
        200: {"description": "This key has this claim already.", "model": ClaimOut},
        **problems(
            BadSaleCustomer,
            ItemUnknown,
            NotOpenYet,
            SalePaused,
            SaleOver,
            SoldOut,
            NotEnoughLeft,
            LimitReached,
            ClaimKeyReused,
            TooManyWaiting,
            ClaimUnsure,
            NotDrawn,
            PassNeeded,
            BadPass,
            StillWaiting,
            PassOver,
        ),
    },
)
async def claim(sale: UUID, body: ClaimIn, _: Checkout, loyalty: Loyalty) -> Response:
    """Claim units for a customer. Whatever happens on the way, the same key sent again gets the same claim.

    At a lottery only who was drawn has something to claim; where there is a waiting room, send its token.
    """
    found, is_new = await loyalty.flash_claims.claim(sale, body)
    return _out(ClaimOut.of(found), status=201 if is_new else 200)


@router.get("/flash-claims/{claim_id}", responses=problems(ClaimUnknown))
async def flash_claim(claim_id: UUID, _: Reader, loyalty: Loyalty) -> ClaimOut:
    """Get a claim."""
    return ClaimOut.of(await loyalty.flash_claims.get(claim_id))


@router.post("/flash-claims/{claim_id}/confirm", responses=problems(ClaimUnknown, ClaimFallen))
async def confirm_claim(claim_id: UUID, body: ConfirmIn, _: Checkout, loyalty: Loyalty) -> ClaimOut:
    """Let a held claim stand, for it was paid; sent again, the same answer."""
    return ClaimOut.of(await loyalty.flash_claims.confirm(claim_id, body.order_id))


@router.post("/flash-claims/{claim_id}/release", responses=problems(ClaimUnknown, ClaimFallen))
async def release_claim(claim_id: UUID, _: Checkout, loyalty: Loyalty) -> ClaimOut:
    """Give a held claim's units back; sent again, the same answer."""
    return ClaimOut.of(await loyalty.flash_claims.release(claim_id))


def _out(found: ClaimOut, *, status: int) -> Response:
    return Response(found.model_dump_json(), status_code=status, media_type="application/json")
