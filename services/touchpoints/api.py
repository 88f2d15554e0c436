"""Reads: a customer's journey, and what was refused. The door for events is in `ingest/`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.touchpoints.errors import BadCustomer
from services.touchpoints.schemas import CodeCountOut, QuarantinedOut, QuarantinePage, TouchpointOut
from services.touchpoints.service import Position, TouchpointsService, Wanted
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, encode_cursor
from shared.http.problems import problems
from shared.http.schemas import Instant
from shared.ids import customer_key

router = APIRouter(tags=["touchpoints"])

Touchpoints = Annotated[TouchpointsService, Depends(service_of("touchpoints"))]
Reference = Annotated[
    str,
    Path(
        max_length=300, description="A customer id, `user_id:<id>` or `anonymous_id:<id>`.", examples=["user_id:4711"]
    ),
]


@router.get(
    "/v1/customers/{customer}/touchpoints",
    dependencies=[Depends(require("touchpoints:read"))],
    responses=problems(BadCustomer, BadCursor),
)
async def journey(
    customer: Reference,
    touchpoints: Touchpoints,
    name: Annotated[str | None, Query(max_length=255, description="Only these: `Order Completed`.")] = None,
    since: Annotated[Instant | None, Query(description="Not before this time.")] = None,
    until: Annotated[Instant | None, Query(description="Before this time.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TouchpointOut]:
    """List what happened to a customer, newest first, under all keys the person is known by."""
    try:
        customer_id = customer_key(customer)
    except ValueError:
        raise BadCustomer from None
    rows = await touchpoints.journey(customer_id, Wanted(name, since, until), before=_position(cursor), limit=limit)
    shown = rows[:limit]
    next_cursor = _cursor(rows, limit, lambda row: (row.time, row.id))
    return Page(items=[TouchpointOut.of(row) for row in shown], next_cursor=next_cursor)


@router.get("/v1/touchpoints/quarantine", dependencies=[Depends(require("ops:read"))], responses=problems(BadCursor))
async def quarantine(
    touchpoints: Touchpoints,
    code: Annotated[str | None, Query(max_length=100, description="Only events refused for this reason.")] = None,
    source: Annotated[str | None, Query(max_length=200, description="Only events of this source.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> QuarantinePage:
    """List events that were refused, newest first, and count them by reason."""
    rows, counts = await touchpoints.quarantined(code=code, source=source, before=_position(cursor), limit=limit)
    return QuarantinePage(
        items=[QuarantinedOut.of(row) for row in rows[:limit]],
        next_cursor=_cursor(rows, limit, lambda row: (row.received_at, row.id)),
        counts=[CodeCountOut.of(each) for each in counts],
    )


Row = TypeVar("Row")


def _position(cursor: str | None) -> Position | None:
    """The sort key in a cursor.

    Raises:
        BadCursor: it is none of ours.
    """
    if cursor is None:
        return None
    time, last = decode_cursor(cursor, length=2)
    try:
        moment, position = datetime.fromisoformat(time), UUID(last)
    except (TypeError, ValueError, AttributeError):
        raise BadCursor from None
    if moment.tzinfo is None:
        raise BadCursor
    return moment, position


def _cursor(rows: Sequence[Row], limit: int, position: Callable[[Row], Position]) -> str | None:
    """The cursor of the next page; None where the rows end."""
    return encode_cursor(position(rows[limit - 1])) if len(rows) > limit else None
