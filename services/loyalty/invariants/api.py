"""Invariants over HTTP."""

from fastapi import APIRouter, Depends

from services.loyalty.api import Loyalty
from services.loyalty.invariants.schemas import InvariantOut, InvariantsOut
from shared.http.auth import require

router = APIRouter(prefix="/v1/loyalty", tags=["loyalty"], dependencies=[Depends(require("loyalty:read"))])


@router.get("/invariants")
async def invariants(loyalty: Loyalty) -> InvariantsOut:
    """Say what must always hold, and what the last check of it found."""
    found = {each.name: each for each in await loyalty.invariants.found()}
    said = [InvariantOut.of(check, found.get(check.name)) for check in loyalty.invariants.checks]
    unknown = any(each.violations is None for each in said)
    broken = any(each.violations for each in said)
    return InvariantsOut(holds=False if broken else None if unknown else True, invariants=said)
