"""Codes of customers over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.vouchers.errors import (
    AlreadyAssigned,
    AssignmentKeyTaken,
    BadCustomer,
    CampaignUnknown,
    PoolEmpty,
    ValueNeeded,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.schemas.assignments import MAX_REFERENCE, AssignedOut, AssignIn
from services.loyalty.vouchers.schemas.codes import VoucherOut
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems
from shared.ids import customer_key

router = APIRouter(prefix="/v1/loyalty", tags=["voucher codes"])

Reference = Annotated[
    str, Path(max_length=MAX_REFERENCE, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]


@router.post(
    "/campaigns/{campaign}/assignments",
    response_model=AssignedOut,
    status_code=201,
    responses={
        200: {"description": "The key had assigned this code before.", "model": AssignedOut},
        **problems(
            BadIdempotencyKey,
            BadCustomer,
            CampaignUnknown,
            WrongKindOfCodes,
            WrongState,
            AlreadyAssigned,
            AssignmentKeyTaken,
            PoolEmpty,
            ValueNeeded,
        ),
    },
)
async def assign_code(
    campaign: UUID, body: AssignIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Make a code for a customer, who alone can use it; the answer tells it. Never twice for one `key`.

    Where the campaign keeps codes ready, made ahead or imported `to_assign`, the customer gets one of those.
    """
    person = _person(body.customer)
    said = answer(await loyalty.assignments.request(campaign, person, body, by=caller.key_id, idem=idem))
    said.headers["Cache-Control"] = "no-store"
    return said


@router.get("/customers/{customer}/vouchers", responses=problems(BadCursor, BadCustomer))
async def customer_vouchers(
    customer: Reference, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[VoucherOut]:
    """List the vouchers a customer was assigned, the latest first."""
    found = await loyalty.assignments.of(_person(customer), before=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,))


def _person(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadCustomer from None
