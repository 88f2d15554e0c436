"""Customers over HTTP. Nothing that a caller sent comes back in a refusal, and no URL we make holds an identifier."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.profiles.errors import (
    AmbiguousIdentifier,
    BadTraits,
    BlockedIdentifier,
    CustomerUnknown,
    FutureTime,
    MergeIntoVisitor,
    NotMerged,
    SamePerson,
    TooManyIdentifiers,
    TooManyTraits,
    TraitsMoved,
)
from services.profiles.overview.schemas import OverviewOut, Part
from services.profiles.rights.errors import Suppressed
from services.profiles.schemas import (
    MAX_REFERENCE,
    CustomerIn,
    CustomerOut,
    CustomerSummaryOut,
    DescribedOut,
    MergeIn,
    MergeOut,
    TraitsIn,
    TraitsOut,
    UnmergeIn,
)
from services.profiles.service import ProfilesService
from services.profiles.trait_schema.errors import SENSITIVE_SCOPE, TraitsMisfit
from shared.http.access import service_of
from shared.http.auth import Caller, require
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
    moment_and_id_in,
    page_of,
    read_id,
    read_moment,
)
from shared.http.problems import problems
from shared.http.schemas import Instant
from shared.rights import audit

router = APIRouter(prefix="/v1/customers", tags=["customers"])

Profiles = Annotated[ProfilesService, Depends(service_of("profiles"))]
Reader = Annotated[Caller, Depends(require("profiles:read"))]
Writer = Annotated[Caller, Depends(require("profiles:write"))]
Reference = Annotated[
    str,
    Path(
        max_length=MAX_REFERENCE,
        description="A customer id, or `<type>:<value>`: `user_id:42`, `anonymous_id:…`, `email:…`, `phone:…`, or the "
        "type of an external id.",
        examples=["user_id:42"],
    ),
]
Include = Annotated[Sequence[Part], Query(max_length=10, description="What to give beside, as of the same moment.")]
IfMatch = Annotated[str | None, Header(description="ETags of the traits; another by now is refused with 412.")]


@router.post(
    "",
    response_model=CustomerOut,
    status_code=201,
    responses={
        200: {"description": "The customer was there; it has this in addition now.", "model": CustomerOut},
        **problems(
            BadIdempotencyKey,
            AmbiguousIdentifier,
            BlockedIdentifier,
            BadTraits,
            TraitsMisfit,
            TooManyTraits,
            TooManyIdentifiers,
            FutureTime,
            Suppressed,
        ),
    },
)
async def create(body: CustomerIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Create a customer, or add to the one that goes by one of these ids.

    A `user_id` with an `anonymous_id` says that the visitor is the user, as an identify call does.
    """
    sees = sees_sensitive(caller)
    return answer(await profiles.create(body, by=caller.key_id, idem=idem, sees_sensitive=sees))


@router.get("", responses=problems(BadCursor))
async def customers(
    _: Reader,
    profiles: Profiles,
    identified: Annotated[bool | None, Query(description="Only known customers, or only visitors.")] = None,
    updated_since: Annotated[
        Instant | None,
        Query(
            description="Only customers with a new trait value or identifier, a merge or an unmerge since then, the "
            "oldest change first. One who changed again comes again. Let polls overlap by a minute."
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CustomerSummaryOut]:
    """List customers, one item per person, those we heard of last first; or what changed since a time."""
    place = moment_and_id_in(cursor)
    if updated_since is not None:
        rows, more = await profiles.changed(since=updated_since, identified=identified, after=place, limit=limit)
    else:
        rows = await profiles.newest(identified=identified, before=place, limit=limit)
        more = (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    audit.saw(row.id for row in rows[:limit])
    items = [CustomerSummaryOut.of(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=None if more is None else encode_cursor(more))


@router.get(
    "/{customer}",
    response_model=OverviewOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def customer(
    customer: Reference,
    caller: Reader,
    profiles: Profiles,
    request: Request,
    include: Include = (),
) -> Response:
    """Get a customer: everything known under any of the keys that were merged into one person."""
    sees = sees_sensitive(caller)
    if include:
        whole = await profiles.overview.of(customer, include, sees_sensitive=sees)
        return with_etag(request, whole.asked(include).encode())
    found = await profiles.get(customer, sees_sensitive=sees)
    return with_etag(request, found.model_dump_json().encode())


@router.get(
    "/{customer}/traits",
    response_model=TraitsOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def traits(customer: Reference, caller: Reader, profiles: Profiles, request: Request) -> Response:
    """Get a customer's traits without their provenance; the ETag is for `If-Match`."""
    found = await profiles.traits(customer, sees_sensitive=sees_sensitive(caller))
    return with_etag(request, found.model_dump_json().encode())


@router.patch(
    "/{customer}/traits",
    response_model=DescribedOut,
    responses=problems(
        BadIdempotencyKey,
        CustomerUnknown,
        AmbiguousIdentifier,
        TraitsMoved,
        BadTraits,
        TraitsMisfit,
        TooManyTraits,
        TooManyIdentifiers,
        FutureTime,
        Suppressed,
    ),
)
async def describe(
    customer: Reference,
    body: TraitsIn,
    caller: Writer,
    profiles: Profiles,
    idem: IdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    """Say something of a customer; a trait on which a later word is known stays, and is named in `outdated`."""
    sees, tags = sees_sensitive(caller), _tags(if_match)
    said = await profiles.describe(customer, body, by=caller.key_id, if_match=tags, idem=idem, sees_sensitive=sees)
    return answer(said)


@router.post(
    "/{customer}/merge",
    response_model=CustomerOut,
    responses=problems(BadIdempotencyKey, CustomerUnknown, AmbiguousIdentifier, SamePerson, MergeIntoVisitor),
)
async def merge(
    customer: Reference, body: MergeIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Merge a customer into another: they are one person from now on, and an unmerge gives both back as they were."""
    sees = sees_sensitive(caller)
    return answer(await profiles.merge(customer, body, by=caller.key_id, idem=idem, sees_sensitive=sees))


@router.post(
    "/{customer}/unmerge",
    response_model=CustomerOut,
    responses=problems(BadIdempotencyKey, CustomerUnknown, AmbiguousIdentifier, NotMerged),
)
async def unmerge(
    customer: Reference, body: UnmergeIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Take a key off the person it was merged into; name the key itself, as listed in `members`.

    A merge by hand is undone. One that follows from events is taken apart for good: only a merge by hand joins again.
    """
    sees = sees_sensitive(caller)
    return answer(await profiles.unmerge(customer, body, by=caller.key_id, idem=idem, sees_sensitive=sees))


@router.get("/{customer}/merges", responses=problems(BadCursor, CustomerUnknown, AmbiguousIdentifier))
async def merges(
    customer: Reference, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[MergeOut]:
    """List the merges and unmerges of a customer with their reasons, the newest first."""
    rows = await profiles.merges(customer, before=_line(cursor), limit=limit)
    return page_of(rows, limit, lambda row: (row.decided_at, row.from_id, row.version), MergeOut.of)


def sees_sensitive(caller: Caller) -> bool:
    """Whether the caller is told traits that are declared sensitive."""
    return caller.may(SENSITIVE_SCOPE)


def _tags(header: str | None) -> frozenset[str] | None:
    """The tags in an `If-Match`; None where any will do."""
    if header is None or header.strip() == "*":
        return None
    return frozenset(each.strip().removeprefix("W/").strip('"') for each in header.split(","))


def _line(cursor: str | None) -> tuple[datetime, UUID, int] | None:
    if cursor is None:
        return None
    moment, key, version = decode_cursor(cursor, length=3)
    if not isinstance(version, int) or not 0 <= version < 2**63:
        raise BadCursor
    return read_moment(moment), read_id(key), version
