"""Achievements over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.loyalty.achievements.domain.goal import State
from services.loyalty.achievements.errors import (
    AchievementInPast,
    AchievementNameTaken,
    AchievementState,
    AchievementUnknown,
    BadAchievement,
    BadAchiever,
    TooManyAchievements,
)
from services.loyalty.achievements.schemas import (
    AchievementIn,
    AchievementOut,
    ActivateIn,
    BadgeOut,
    EndIn,
    HoldersOut,
    ProgressesOut,
)
from services.loyalty.api import Loyalty, Reader, Writer
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    id_in,
    page_of,
    read_moment,
)
from shared.http.problems import problems
from shared.http.schemas import Instant
from shared.ids import customer_key

router = APIRouter(prefix="/v1/loyalty", tags=["achievements"])

Reference = Annotated[
    str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]
_CHANGE = problems(BadIdempotencyKey, AchievementUnknown, AchievementState)


@router.post(
    "/achievements",
    response_model=AchievementOut,
    status_code=201,
    responses=problems(BadIdempotencyKey, AchievementNameTaken, BadAchievement),
)
async def create_achievement(body: AchievementIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Write an achievement down, as a draft."""
    return answer(await loyalty.achievements.create(body, by=caller.key_id, idem=idem))


@router.get("/achievements", responses=problems(BadCursor))
async def achievements(
    _: Reader,
    loyalty: Loyalty,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AchievementOut]:
    """List achievements, those made last first."""
    found = await loyalty.achievements.listed(state=state, after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.id,), AchievementOut.of)


@router.get("/achievements/{achievement}", responses=problems(AchievementUnknown))
async def achievement(achievement: UUID, _: Reader, loyalty: Loyalty) -> AchievementOut:
    """Get an achievement."""
    return AchievementOut.of(await loyalty.achievements.get(achievement))


@router.get("/achievements/{achievement}/holders", responses=problems(AchievementUnknown))
async def achievement_holders(achievement: UUID, _: Reader, loyalty: Loyalty) -> HoldersOut:
    """Count who holds an achievement."""
    return await loyalty.achievements.holders(achievement)


@router.put(
    "/achievements/{achievement}",
    response_model=AchievementOut,
    responses=_CHANGE | problems(AchievementNameTaken, BadAchievement, AchievementState),
)
async def change_achievement(
    achievement: UUID, body: AchievementIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Write a draft anew, whole."""
    return answer(await loyalty.achievements.change(achievement, body, by=caller.key_id, idem=idem))


@router.delete("/achievements/{achievement}", status_code=204, responses=problems(AchievementUnknown, AchievementState))
async def delete_achievement(achievement: UUID, _: Writer, loyalty: Loyalty) -> None:
    """Delete a draft."""
    await loyalty.achievements.delete(achievement)


@router.post(
    "/achievements/{achievement}/activate",
    response_model=AchievementOut,
    responses=_CHANGE | problems(AchievementState, TooManyAchievements, AchievementInPast, BadAchievement),
)
async def activate_achievement(
    achievement: UUID, body: ActivateIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let an achievement be reached, by what happens from a moment on; from then on it is never changed."""
    return answer(await loyalty.achievements.activate(achievement, body, by=caller.key_id, idem=idem))


@router.post(
    "/achievements/{achievement}/end",
    response_model=AchievementOut,
    responses=_CHANGE | problems(AchievementInPast),
)
async def end_achievement(
    achievement: UUID, body: EndIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Let nothing count any more that happens from a moment on; what was reached stays."""
    return answer(await loyalty.achievements.end(achievement, body, by=caller.key_id, idem=idem))


@router.post("/achievements/{achievement}/archive", response_model=AchievementOut, responses=_CHANGE)
async def archive_achievement(achievement: UUID, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Put an achievement away that has ended: what was reached stays, also where an order is refunded later."""
    return answer(await loyalty.achievements.archive(achievement, by=caller.key_id, idem=idem))


@router.get("/members/{customer}/achievements", responses=problems(BadAchiever))
async def member_achievements(
    customer: Reference,
    _: Reader,
    loyalty: Loyalty,
    as_of: Annotated[
        Instant | None, Query(description="As it was by what had happened then, by all that is known; none: now.")
    ] = None,
) -> ProgressesOut:
    """Tell how far a customer is with all that can be reached, worked out from the facts at this moment."""
    return await loyalty.achievement_show.progress(_key(customer), as_of=as_of)


@router.get("/members/{customer}/badges", responses=problems(BadCursor, BadAchiever))
async def member_badges(
    customer: Reference, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[BadgeOut]:
    """List what a customer has reached, the latest first."""
    before = None
    if cursor is not None:
        at, place = decode_cursor(cursor, length=2)
        if not isinstance(place, str) or "\x00" in place:
            raise BadCursor
        before = read_moment(at), place
    found = await loyalty.achievement_show.badges(_key(customer), before=before, limit=limit)
    return page_of(found, limit, lambda each: (each[0].reached_at, each[1]), lambda each: each[0])


def _key(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadAchiever from None
