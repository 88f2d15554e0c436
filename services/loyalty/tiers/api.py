"""Tiers over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.loyalty.api import Loyalty, Reader, Writer
from services.loyalty.tiers.errors import (
    BadTierMember,
    BadTrack,
    LevelUnknown,
    LowersPeople,
    TooManyTracks,
    TrackMoved,
    TrackUnknown,
)
from services.loyalty.tiers.schemas import (
    GrantIn,
    MemberOut,
    StandingOut,
    StandingsOut,
    TrackIn,
    TrackOut,
    TrackPreviewIn,
    TrackPreviewOut,
)
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, id_in, page_of
from shared.http.problems import problems
from shared.http.schemas import Instant
from shared.ids import customer_key

router = APIRouter(prefix="/v1/loyalty", tags=["tiers"])

Reference = Annotated[
    str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]
Key = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["main"])]


@router.get("/tiers")
async def tracks(_: Reader, loyalty: Loyalty) -> list[TrackOut]:
    """List the tier tracks, and how many people hold each level."""
    return await loyalty.tracks.listed()


@router.get("/tiers/{track}", responses=problems(TrackUnknown))
async def track(track: Key, _: Reader, loyalty: Loyalty) -> TrackOut:
    """Get a tier track."""
    return await loyalty.tracks.get(track)


@router.put(
    "/tiers/{track}",
    response_model=TrackOut,
    responses={
        201: {"description": "The track is new.", "model": TrackOut},
        **problems(BadIdempotencyKey, TrackMoved, TooManyTracks, LowersPeople, BadTrack),
    },
)
async def put_track(track: Key, body: TrackIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Make or change a tier track. It lowers nobody whom you did not accept to be lowered."""
    return answer(await loyalty.tracks.put(track, body, by=caller.key_id, idem=idem))


@router.post("/tiers/{track}/preview", responses=problems(BadTrack))
async def preview_track(track: Key, body: TrackPreviewIn, _: Reader, loyalty: Loyalty) -> TrackPreviewOut:
    """Try a version of a track on everybody: who would rise and who would fall."""
    return await loyalty.tracks.preview(track, body)


@router.get("/tiers/{track}/versions", responses=problems(TrackUnknown))
async def track_versions(track: Key, _: Reader, loyalty: Loyalty) -> list[TrackOut]:
    """List what a track was, the latest version first."""
    return await loyalty.tracks.versions(track)


@router.get("/tiers/{track}/levels/{level}/members", responses=problems(BadCursor, TrackUnknown, LevelUnknown))
async def level_members(
    track: Key, level: Key, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[MemberOut]:
    """List who holds a level, by id."""
    found = await loyalty.tracks.holders(track, level, after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each,), lambda each: MemberOut(customer=each))


@router.get("/members/{customer}/tiers", responses=problems(BadTierMember))
async def member_tiers(
    customer: Reference,
    _: Reader,
    loyalty: Loyalty,
    as_of: Annotated[
        Instant | None, Query(description="As it was, or will be if nothing happens, by all that is known; none: now.")
    ] = None,
) -> StandingsOut:
    """Tell where a customer stands in each track, what is next, and how they came there; worked out from the facts."""
    return await loyalty.tracks.standings(_key(customer), as_of=as_of)


@router.post(
    "/members/{customer}/tiers/{track}/grants",
    response_model=StandingOut,
    responses=problems(BadIdempotencyKey, BadTierMember, TrackUnknown, LevelUnknown),
)
async def grant_level(
    customer: Reference, track: Key, body: GrantIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Set a level by hand, with a reason: the customer holds it, or more if they reach more."""
    return answer(await loyalty.tracks.grant(_key(customer), track, body, by=caller.key_id, idem=idem))


def _key(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadTierMember from None
