"""Lotteries over HTTP. Entering and withdrawing are idempotent by nature: a person has one entry for an item."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.loyalty.api import Checkout, Loyalty, Reader
from services.loyalty.flash.errors import (
    BadSaleCustomer,
    EntriesClosed,
    EntryDiffers,
    EntrySettled,
    EntryUnknown,
    ItemUnknown,
    LimitReached,
    NoLottery,
    SaleOver,
    SaleUnknown,
)
from services.loyalty.flash.schemas.draws import DrawOut, EntryIn, EntryOut, TicketOut
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems
from shared.http.schemas import ExternalId

router = APIRouter(prefix="/v1/loyalty", tags=["flash sales"])

_Item = Annotated[ExternalId, Query(description="The product, as the shop names it.")]


@router.post(
    "/flash-sales/{sale}/entries",
    response_model=EntryOut,
    status_code=201,
    responses={
        200: {"description": "The customer has this entry already.", "model": EntryOut},
        **problems(BadSaleCustomer, ItemUnknown, NoLottery, EntriesClosed, SaleOver, LimitReached, EntryDiffers),
    },
)
async def enter(sale: UUID, body: EntryIn, _: Checkout, loyalty: Loyalty) -> Response:
    """Enter a customer for a draw. Once for an item, however often it is sent and whoever the customer is merged with.

    Who is drawn claims as at any flash sale, within the time of the right; what nobody claims goes to the next.
    """
    entry, is_new = await loyalty.flash_draws.enter(sale, body)
    said = EntryOut.of(entry).model_dump_json()
    return Response(said, status_code=201 if is_new else 200, media_type="application/json")


@router.get("/flash-entries/{entry}", responses=problems(EntryUnknown))
async def flash_entry(entry: UUID, _: Reader, loyalty: Loyalty) -> EntryOut:
    """Get an entry: whether it was drawn, and until when the customer may claim."""
    return EntryOut.of(await loyalty.flash_draws.get(entry))


@router.post("/flash-entries/{entry}/withdraw", responses=problems(EntryUnknown, EntrySettled))
async def withdraw_entry(entry: UUID, _: Checkout, loyalty: Loyalty) -> EntryOut:
    """Take an entry out of the draw, or give the right up that was drawn: the next one gets it."""
    return EntryOut.of(await loyalty.flash_draws.withdraw(entry))


@router.get("/flash-sales/{sale}/draw", responses=problems(SaleUnknown, NoLottery))
async def flash_draw(sale: UUID, _: Reader, loyalty: Loyalty) -> DrawOut:
    """Get what was promised before anybody entered, and, once lots are drawn, the seed: so anybody can draw again."""
    return await loyalty.flash_draws.shown(sale)


@router.get("/flash-sales/{sale}/tickets", responses=problems(BadCursor, SaleUnknown, NoLottery, ItemUnknown))
async def flash_tickets(
    sale: UUID, item: _Item, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[TicketOut]:
    """List the tickets of an item in the order that was drawn. They are random, and tell of nobody."""
    found = await loyalty.flash_draws.tickets(sale, item, after=number_in(cursor) or 0, limit=limit)
    return page_of(found, limit, lambda each: (each.place,), lambda each: TicketOut.model_validate(each._asdict()))
