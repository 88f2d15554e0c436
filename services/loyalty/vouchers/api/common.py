"""What the pages of vouchers share: who may ask, and places in lists."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from services.loyalty.service import LoyaltyService
from shared.http.access import service_of
from shared.http.auth import Caller, require
from shared.http.paging import BadCursor, decode_cursor

Loyalty = Annotated[LoyaltyService, Depends(service_of("loyalty"))]
Reader = Annotated[Caller, Depends(require("loyalty:read"))]
Writer = Annotated[Caller, Depends(require("loyalty:write"))]


def place(cursor: str | None) -> UUID | None:
    """The id in a cursor.

    Raises:
        BadCursor: there is none in it.
    """
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise BadCursor from None


def number(cursor: str | None) -> int | None:
    """The version in a cursor.

    Raises:
        BadCursor: there is none in it.
    """
    if cursor is None:
        return None
    (found,) = decode_cursor(cursor, length=1)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise BadCursor
    return found
