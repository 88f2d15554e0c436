"""Decisions on who is whom, over HTTP."""

from fastapi import APIRouter, Response

from services.profiles.api import Profiles, Reader, Reference, Writer, sees_sensitive
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown, MergeIntoVisitor, SamePerson
from services.profiles.merging.errors import NotAMember, NothingLeft, SplitTooLarge
from services.profiles.merging.schemas import PreviewOut, SplitIn, SplitOut
from services.profiles.schemas import MergeIn
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.problems import problems

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.post(
    "/{customer}/merge/preview",
    responses=problems(CustomerUnknown, AmbiguousIdentifier, SamePerson, MergeIntoVisitor),
)
async def preview_merge(customer: Reference, body: MergeIn, caller: Reader, profiles: Profiles) -> PreviewOut:
    """Say what a merge of the same body would do, and what speaks against it; nothing changes."""
    return await profiles.merging.preview(customer, body, sees_sensitive=sees_sensitive(caller))


@router.post(
    "/{customer}/split",
    response_model=SplitOut,
    responses=problems(BadIdempotencyKey, CustomerUnknown, AmbiguousIdentifier, NotAMember, NothingLeft, SplitTooLarge),
)
async def split(
    customer: Reference, body: SplitIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Take keys out of a customer into one of their own; a merge of the two gives back the one there was.

    No event joins the two again. If the key that gives the customer its id is taken, the rest gets another id.
    """
    sees = sees_sensitive(caller)
    return answer(await profiles.merging.split(customer, body, by=caller.key_id, idem=idem, sees_sensitive=sees))
