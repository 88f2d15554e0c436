"""Who may ask loyalty, over HTTP: what all its rooms share."""

from typing import Annotated

from fastapi import Depends

from services.loyalty.service import LoyaltyService
from shared.http.access import service_of
from shared.http.auth import Caller, require

Loyalty = Annotated[LoyaltyService, Depends(service_of("loyalty"))]
Reader = Annotated[Caller, Depends(require("loyalty:read"))]
Writer = Annotated[Caller, Depends(require("loyalty:write"))]
Checkout = Annotated[Caller, Depends(require("loyalty:checkout"))]
