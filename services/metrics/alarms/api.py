"""Alarms over HTTP."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from services.metrics.alarms.domain.watch import State
from services.metrics.alarms.errors import (
    BadWatch,
    NoSuchAlarm,
    NoSuchWatch,
    NotRaised,
    TooManyWatches,
    WatchNameTaken,
)
from services.metrics.alarms.schemas.alarms import AlarmOut, AlarmPathOut, AlarmsOut, CannotSayOut
from services.metrics.alarms.schemas.chart import POLICY, page
from services.metrics.alarms.schemas.watches import (
    AcknowledgementOut,
    ArmOut,
    ArmPathOut,
    SeenIn,
    WatchesOut,
    WatchIn,
    WatchOut,
    WatchPathOut,
    WatchStateOut,
    missing,
)
from services.metrics.alarms.service.reading import SeenWatch
from services.metrics.figures.api import Metrics
from shared.http.auth import Caller, require
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    decode_cursor,
    next_cursor,
    read_id,
)
from shared.http.problems import problems

router = APIRouter(prefix="/v1/metrics", tags=["alarms"])
_READ = [Depends(require("metrics:read"))]
_Writer = Annotated[Caller, Depends(require("metrics:write"))]
_DAYS_A_YEAR = 365.25
_DIRECTIONS = 2


@router.get("/alarms", dependencies=_READ, responses=problems(BadCursor))
async def alarms(
    metrics: Metrics,
    state: Annotated[State | None, Query(description="Default: all, those that are over too.")] = None,
    watch: Annotated[UUID | None, Query(description="Only of this watch.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AlarmsOut:
    """List what was raised, the last first, with the evidence; and of what nothing can be said."""
    found, watched = await metrics.alarms.listed(state=state, watch_id=watch, after=_after(cursor), limit=limit)
    return AlarmsOut(
        items=[AlarmOut.of(*each) for each in found[:limit]],
        next_cursor=next_cursor(found, limit, lambda each: (each.alarm.raised_day, each.alarm.id)),
        cannot_say=[
            CannotSayOut(watch_id=each.watch.id, name=each.watch.name, direction=direction, missing=why)
            for each in watched
            for direction in each.watch.directions
            if (why := missing(each.arms.get(direction))) is not None
        ],
        false_alarms_a_year=_false_alarms(watched),
    )


@router.get("/alarms/{alarm}", dependencies=_READ, responses=problems(NoSuchAlarm))
async def alarm(alarm: UUID, metrics: Metrics) -> AlarmPathOut:
    """Get an alarm, the path of its watch, and all that was ever said of it."""
    found, said = await metrics.alarms.alarm(alarm)
    return AlarmPathOut.whole(*found, said)


@router.post(
    "/alarms/{alarm}/acknowledge",
    dependencies=[Depends(require("metrics:write"))],
    response_model=AcknowledgementOut,
    responses=problems(BadIdempotencyKey, NoSuchAlarm, NotRaised),
)
async def acknowledge_alarm(alarm: UUID, body: SeenIn, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Say who has seen a raised alarm, and what they make of it."""
    return answer(await metrics.watches.acknowledge(alarm, body, idem))


@router.get("/alarm-watches", dependencies=_READ)
async def alarm_watches(metrics: Metrics) -> WatchesOut:
    """List what is watched, and how it looks."""
    found = await metrics.alarms.watched()
    items = [
        WatchStateOut(
            **WatchOut.of(each.watch).model_dump(),
            arms=[ArmOut.of(direction, each.arms.get(direction)) for direction in each.watch.directions],
        )
        for each in found
    ]
    return WatchesOut(items=items, false_alarms_a_year=_false_alarms(found))


@router.post(
    "/alarm-watches",
    status_code=201,
    response_model=WatchOut,
    responses=problems(BadIdempotencyKey, BadWatch, WatchNameTaken, TooManyWatches),
)
async def add_alarm_watch(body: WatchIn, caller: _Writer, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Watch something more; it is looked at within five minutes."""
    return answer(await metrics.watches.add(body, by=caller.key_id, idem=idem))


@router.get("/alarm-watches/{watch}", dependencies=_READ, responses=problems(NoSuchWatch))
async def alarm_watch(watch: UUID, metrics: Metrics) -> WatchPathOut:
    """Get a watch with the paths of its directions, day by day."""
    return _path(await metrics.alarms.watch(watch))


@router.put(
    "/alarm-watches/{watch}",
    response_model=WatchOut,
    responses=problems(BadIdempotencyKey, BadWatch, NoSuchWatch, WatchNameTaken),
)
async def change_alarm_watch(
    watch: UUID, body: WatchIn, caller: _Writer, metrics: Metrics, idem: IdempotencyKey
) -> Response:
    """Enter a watch anew. A new name or owner leaves all as it is; else it begins anew, and its alarms are over."""
    return answer(await metrics.watches.change(watch, body, by=caller.key_id, idem=idem))


@router.delete(
    "/alarm-watches/{watch}",
    status_code=204,
    response_model=None,
    responses=problems(BadIdempotencyKey, NoSuchWatch),
)
async def remove_alarm_watch(watch: UUID, caller: _Writer, metrics: Metrics, idem: IdempotencyKey) -> Response:
    """Watch it no more; what it raised is over, and stays known."""
    return answer(await metrics.watches.remove(watch, by=caller.key_id, idem=idem))


@router.get(
    "/alarm-watches/{watch}/chart",
    dependencies=_READ,
    response_class=HTMLResponse,
    responses={
        200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **problems(NoSuchWatch),
    },
)
async def alarm_watch_chart(watch: UUID, metrics: Metrics) -> Response:
    """Get a watch as a page to look at: the figure by week, the CUSUM under its threshold, and when a change began."""
    found = _path(await metrics.alarms.watch(watch))
    standing, _ = await metrics.alarms.listed(state="raised", watch_id=watch, after=None, limit=_DIRECTIONS)
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return HTMLResponse(page(found, [AlarmOut.of(*each) for each in standing]), headers=headers)


def _after(cursor: str | None) -> tuple[int, UUID] | None:
    if cursor is None:
        return None
    day, key = decode_cursor(cursor, length=2)
    if not isinstance(day, int) or isinstance(day, bool) or not -(2**31) <= day < 2**31:
        raise BadCursor
    return day, read_id(key)


def _path(found: SeenWatch) -> WatchPathOut:
    return WatchPathOut(
        **WatchOut.of(found.watch).model_dump(),
        arms=[ArmPathOut.of(direction, found.arms.get(direction)) for direction in found.watch.directions],
    )


def _false_alarms(found: Sequence[SeenWatch]) -> float:
    return round(sum(_DAYS_A_YEAR / each.watch.arl0_days for each in found), 2)
