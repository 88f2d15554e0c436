"""Waiting rooms over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.loyalty.api import Checkout, Loyalty, Writer
from services.loyalty.flash.errors import BadPass, BadSaleCustomer, RoomUnknown, SaleOver, SaleUnknown, TooManyWaiting
from services.loyalty.flash.schemas.rooms import JoinIn, TokenIn, WaitingOut
from services.loyalty.flash.schemas.sales import RoomIn, SaleOut
from services.loyalty.flash.service.claims import person_of
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1/loyalty", tags=["flash sales"])


@router.post("/flash-sales/{sale}/waiting", responses=problems(BadSaleCustomer, RoomUnknown, SaleOver, TooManyWaiting))
async def join_room(sale: UUID, body: JoinIn, _: Checkout, loyalty: Loyalty) -> WaitingOut:
    """Join the waiting room, also before the sale starts: the same customer again has the same number.

    The token in the answer is what the customer claims with. A number is let in when its time comes: who went home
    before does not hurry it. Who does not claim in their time joins again, at the end.
    """
    return await loyalty.flash_rooms.join(sale, person_of(body.customer))


@router.post("/flash-sales/{sale}/waiting/position", responses=problems(BadPass, RoomUnknown, SaleUnknown))
async def room_position(sale: UUID, body: TokenIn, _: Checkout, loyalty: Loyalty) -> WaitingOut:
    """Say where a customer stands, at most a tenth of a second old, and what is left: made to be polled."""
    return await loyalty.flash_rooms.position(sale, body.token)


@router.put(
    "/flash-sales/{sale}/waiting-room",
    response_model=SaleOut,
    responses=problems(BadIdempotencyKey, SaleUnknown, SaleOver, RoomUnknown),
)
async def change_room(sale: UUID, body: RoomIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Let people in faster or slower from now on; who waits keeps their number."""
    return answer(await loyalty.flash_sales.set_room(sale, body, by=caller.key_id, idem=idem))
