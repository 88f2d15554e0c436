"""Reads: a customer's journey, and what was refused. The door for events is in `ingest/`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from services.touchpoints.errors import BadCustomer
from services.touchpoints.schemas import (
    CodeCountOut,
    QuarantinedOut,
    QuarantinePage,
    SpaceEventOut,
    SpaceEventsOut,
    TouchpointOut,
)
from services.touchpoints.service import TouchpointsService, Wanted
from shared.http.access import service_of
from shared.http.auth import require
from shared.http.paging import (
    MAX_CURSOR_LENGTH,
    BadCursor,
    Cursor,
    Limit,
    Page,
    moment_and_id_in,
    next_cursor,
    page_of,
)
from shared.http.problems import problems
from shared.http.profile_api import PREFIX, ProfileApiRoute, Space, SpaceCursor
from shared.http.schemas import Instant
from shared.ids import customer_key

router = APIRouter(tags=["touchpoints"])
profile_api = APIRouter(prefix=PREFIX, tags=["profile API"], route_class=ProfileApiRoute)

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
    rows = await touchpoints.journey(
        customer_id,
        Wanted(None if name is None else [name], (), since, until),
        before=moment_and_id_in(cursor),
        limit=limit,
    )
    return page_of(rows, limit, lambda row: (row.time, row.id), TouchpointOut.of)


@profile_api.get(
    "/events", dependencies=[Depends(require("touchpoints:read"))], responses=problems(BadCustomer, BadCursor)
)
async def space_events(
    space: Space,
    profile: Reference,
    touchpoints: Touchpoints,
    include: Annotated[str | None, Query(max_length=5_000, description="Only these, separated by commas.")] = None,
    exclude: Annotated[str | None, Query(max_length=5_000, description="None of these.")] = None,
    start: Annotated[Instant | None, Query(description="Not before this time.")] = None,
    end: Annotated[Instant | None, Query(description="Before this time.")] = None,
    sort: Annotated[Literal["desc"], Query(description="The newest first.")] = "desc",  # noqa: ARG001 - the only one
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 10,
    next_: Annotated[str, Query(alias="next", max_length=MAX_CURSOR_LENGTH)] = "",
) -> SpaceEventsOut:
    """Get a profile's events, newest first, in the grammar of Segment's Profile API."""
    try:
        customer_id = customer_key(profile)
    except ValueError:
        raise BadCustomer from None
    wanted = Wanted(_list(include), _list(exclude) or (), start, end)
    rows = await touchpoints.journey(customer_id, wanted, before=moment_and_id_in(next_ or None), limit=limit)
    more = next_cursor(rows, limit, lambda row: (row.time, row.id))
    return SpaceEventsOut(
        data=[SpaceEventOut.of(row) for row in rows[:limit]],
        cursor=SpaceCursor.of(space, customer_id, "events", more=more, limit=limit),
    )


@router.get("/v1/touchpoints/quarantine", dependencies=[Depends(require("ops:read"))], responses=problems(BadCursor))
async def quarantine(
    touchpoints: Touchpoints,
    code: Annotated[str | None, Query(max_length=100, description="Only events refused for this reason.")] = None,
    source: Annotated[str | None, Query(max_length=200, description="Only events of this source.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> QuarantinePage:
    """List events that were refused, newest first, and count them by reason."""
    rows, counts = await touchpoints.quarantined(code=code, source=source, before=moment_and_id_in(cursor), limit=limit)
    return QuarantinePage(
        items=[QuarantinedOut.of(row) for row in rows[:limit]],
        next_cursor=next_cursor(rows, limit, lambda row: (row.received_at, row.id)),
        counts=[CodeCountOut.of(each) for each in counts],
    )


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [each.strip() for each in text.split(",")]
