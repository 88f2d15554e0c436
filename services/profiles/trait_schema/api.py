"""Declared traits over HTTP, and what was said of customers that does not fit them."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from services.profiles.api import Profiles, Reader, Reference, Writer, sees_sensitive
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown
from services.profiles.trait_schema.errors import BadTraitName, DeclarationMoved, TooManyDeclared, TraitUndeclared
from services.profiles.trait_schema.schemas import (
    DeclarationCountOut,
    DeclarationIn,
    DeclarationOut,
    DeclarationVersionOut,
    RefusedTraitsOut,
)
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["traits"])

Name = Annotated[str, Path(min_length=1, max_length=200, description="The trait's name.", examples=["birthday"])]
IfMatch = Annotated[str | None, Header(description="ETags or versions; another by now is refused with 412.")]


@router.get("/trait-schema", responses=problems(BadCursor))
async def declared_traits(
    _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeclarationOut]:
    """List declared traits by name."""
    found = await profiles.trait_schema.listed(after=_place(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.declared.name,), DeclarationOut.stored)


@router.get(
    "/trait-schema/{name}",
    response_model=DeclarationCountOut,
    responses={**UNMODIFIED, **problems(BadTraitName, TraitUndeclared)},
)
async def declared_trait(name: Name, _: Reader, profiles: Profiles, request: Request) -> Response:
    """Get what a trait is declared as, and how many words do not fit it. The ETag is that of the version alone."""
    found, refused = await profiles.trait_schema.get(name)
    body = DeclarationCountOut.counted(found, refused).model_dump_json().encode()
    return with_etag(request, body, same=found.identity())


@router.put(
    "/trait-schema/{name}",
    response_model=DeclarationOut,
    responses={
        201: {"description": "The trait is declared.", "model": DeclarationOut},
        **problems(BadIdempotencyKey, BadTraitName, DeclarationMoved, TooManyDeclared),
    },
)
async def declare_trait(
    name: Name,
    body: DeclarationIn,
    caller: Writer,
    profiles: Profiles,
    idem: IdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    """Declare a trait, or declare it otherwise.

    What is stored already is judged again in the background. What does not fit is kept, listed as refused, and comes
    back when the type is changed back. Requests that say something that does not fit are refused as a whole; events
    never are.
    """
    said = await profiles.trait_schema.put(name, body, by=caller.key_id, if_match=_versions(if_match), idem=idem)
    return answer(said)


@router.delete(
    "/trait-schema/{name}", status_code=204, responses=problems(BadTraitName, TraitUndeclared, DeclarationMoved)
)
async def undeclare_trait(name: Name, caller: Writer, profiles: Profiles, if_match: IfMatch = None) -> None:
    """Declare a trait no more; its values stay, and what was refused comes back where nothing later was said."""
    await profiles.trait_schema.delete(name, by=caller.key_id, if_match=_versions(if_match))


@router.get("/trait-schema/{name}/versions", responses=problems(BadCursor, BadTraitName, TraitUndeclared))
async def declared_trait_versions(
    name: Name, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeclarationVersionOut]:
    """List what a trait was declared as, the latest first: what an old value was judged by."""
    found = await profiles.trait_schema.versions(name, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), DeclarationVersionOut.of)


@router.get(
    "/customers/{customer}/traits/refused",
    response_model=RefusedTraitsOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def refused_traits(customer: Reference, caller: Reader, profiles: Profiles, request: Request) -> Response:
    """List what was said of a customer's traits and does not fit, why, and how to mend it."""
    found = await profiles.trait_schema.refused(customer, sees_sensitive=sees_sensitive(caller))
    return with_etag(request, RefusedTraitsOut.of(*found).model_dump_json().encode())


def _versions(header: str | None) -> frozenset[str] | None:
    """The versions in an `If-Match`; None where any will do."""
    if header is None or header.strip() == "*":
        return None
    return frozenset(each.strip().removeprefix("W/").strip('"') for each in header.split(","))


def _place(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    (name,) = decode_cursor(cursor, length=1)
    if not isinstance(name, str) or "\x00" in name or not name.isprintable():
        raise BadCursor
    return name
