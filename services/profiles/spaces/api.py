"""Segment's Profile API over HTTP: its addresses, its shapes; a secret key is the user name of Basic, as there."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.profiles.api import Profiles, Reader, Reference, sees_sensitive
from services.profiles.errors import AmbiguousIdentifier
from services.profiles.spaces.errors import ProfileNotFound
from services.profiles.spaces.schemas import (
    SpaceExternalIdOut,
    SpaceExternalIdsOut,
    SpaceLinksOut,
    SpaceMetadataOut,
    SpaceTraitOut,
    SpaceTraitsOut,
)
from shared.http.paging import MAX_CURSOR_LENGTH, BadCursor, decode_cursor, encode_cursor
from shared.http.problems import problems
from shared.http.profile_api import PREFIX, ProfileApiRoute, Space, SpaceCursor

router = APIRouter(prefix=PREFIX, tags=["profile API"], route_class=ProfileApiRoute)

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Next = Annotated[str, Query(max_length=MAX_CURSOR_LENGTH, description="`next` of the page before; empty: the first.")]
Include = Annotated[
    str | None, Query(max_length=5_000, description="Only these, separated by commas.", examples=["first_name,city"])
]


@router.get("/traits", responses=problems(BadCursor, ProfileNotFound, AmbiguousIdentifier))
async def space_traits(
    space: Space,
    profile: Reference,
    caller: Reader,
    profiles: Profiles,
    include: Include = None,
    class_: Annotated[
        Literal["audience", "computed_trait"] | None,
        Query(alias="class", description="Audiences and computed traits are not among these traits: none is answered."),
    ] = None,
    verbose: Annotated[bool, Query(description="With source and time of each.")] = False,
    limit: Limit = 10,
    next_: Annotated[Next, Query(alias="next")] = "",
) -> SpaceTraitsOut:
    """Get a profile's traits, by name."""
    after = str(decode_cursor(next_, length=1)[0]) if next_ else None
    wanted = frozenset[str]() if class_ else _list(include)
    sees = sees_sensitive(caller)
    person, rows = await profiles.spaces.traits(profile, include=wanted, after=after, limit=limit, sees_sensitive=sees)
    shown = rows[:limit]
    more = encode_cursor([shown[-1].name]) if len(rows) > limit else None
    return SpaceTraitsOut(
        traits={
            row.name: SpaceTraitOut(value=row.value, source_id=row.source, updated_at=row.event_time)
            if verbose
            else row.value
            for row in shown
        },
        cursor=SpaceCursor.of(space, person, "traits", more=more, limit=limit),
    )


@router.get("/external_ids", responses=problems(BadCursor, ProfileNotFound, AmbiguousIdentifier))
async def space_external_ids(
    space: Space,
    profile: Reference,
    _: Reader,
    profiles: Profiles,
    include: Include = None,
    limit: Limit = 10,
    next_: Annotated[Next, Query(alias="next")] = "",
) -> SpaceExternalIdsOut:
    """Get what a profile goes by, the first seen first."""
    person, rows = await profiles.spaces.external_ids(profile, include=_list(include), after=_place(next_), limit=limit)
    shown = rows[:limit]
    more = None if len(rows) <= limit else encode_cursor([shown[-1].first_seen, shown[-1].type, shown[-1].digest])
    return SpaceExternalIdsOut(
        data=[
            SpaceExternalIdOut(id=row.value, type=row.type, source_id=row.source, created_at=row.first_seen)
            for row in shown
        ],
        cursor=SpaceCursor.of(space, person, "external_ids", more=more, limit=limit),
    )


@router.get("/metadata", responses=problems(ProfileNotFound, AmbiguousIdentifier))
async def space_metadata(space: Space, profile: Reference, _: Reader, profiles: Profiles) -> SpaceMetadataOut:  # noqa: ARG001 - part of the address
    """Get since when a profile is known, and where it is from."""
    return SpaceMetadataOut(metadata=await profiles.spaces.metadata(profile))


@router.get("/links", responses=problems(ProfileNotFound, AmbiguousIdentifier))
async def space_links(
    space: Space, profile: Reference, _: Reader, profiles: Profiles, limit: Annotated[int, Query(ge=1, le=20)] = 20
) -> SpaceLinksOut:
    """Get the accounts a profile is linked to: none, as no accounts are kept."""
    person = await profiles.spaces.known(profile)
    return SpaceLinksOut(data=[], cursor=SpaceCursor.of(space, person, "links", more=None, limit=limit))


def _list(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(each.strip() for each in text.split(","))


def _place(text: str) -> tuple[datetime, str, str] | None:
    if not text:
        return None
    at, type_, digest = map(str, decode_cursor(text, length=3))
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise BadCursor from None
    if moment.tzinfo is None:
        raise BadCursor
    return moment, type_, digest
