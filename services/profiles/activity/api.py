"""Computed traits over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from services.profiles.activity.schemas import ComputedOut
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown
from services.profiles.schemas import MAX_REFERENCE
from services.profiles.service import ProfilesService
from shared.http.access import service_of
from shared.http.auth import Caller, require
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.problems import problems

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get(
    "/{customer}/computed",
    response_model=ComputedOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def computed(
    customer: Annotated[str, Path(max_length=MAX_REFERENCE, description="A customer id, or `<type>:<value>`.")],
    _: Annotated[Caller, Depends(require("profiles:read"))],
    profiles: Annotated[ProfilesService, Depends(service_of("profiles"))],
    request: Request,
) -> Response:
    """Get what follows from a customer's facts: orders, money per currency, how often which event was seen."""
    found = ComputedOut.of(await profiles.activity.of(customer))
    return with_etag(request, found.model_dump_json().encode())
