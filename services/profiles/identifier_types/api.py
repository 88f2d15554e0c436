"""Types of identifiers over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from services.profiles.api import Profiles, Reader, Writer
from services.profiles.domain.identifiers import MAX_TYPE_LENGTH
from services.profiles.identifier_types.errors import (
    BadIdentifierType,
    IdentifiersStored,
    IdentifierTypeMoved,
    IdentifierTypeUnknown,
    TooManyIdentifierTypes,
)
from services.profiles.identifier_types.schemas import (
    IdentifierTypeIn,
    IdentifierTypeOut,
    IdentifierTypesOut,
    IdentifierTypeVersionOut,
)
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1/identifier-types", tags=["customers"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9_][a-z0-9_.-]*$", max_length=MAX_TYPE_LENGTH, examples=["crm"])]
IfMatch = Annotated[str | None, Header(description="ETags or versions; another by now is refused with 412.")]


@router.get("", response_model=IdentifierTypesOut, responses=UNMODIFIED)
async def identifier_types(_: Reader, profiles: Profiles, request: Request) -> Response:
    """List the types of identifiers that are declared or built in, by priority."""
    found = IdentifierTypesOut(types=await profiles.identifier_types.listed())
    return with_etag(request, found.model_dump_json().encode())


@router.get("/{name}", response_model=IdentifierTypeOut, responses={**UNMODIFIED, **problems(IdentifierTypeUnknown)})
async def identifier_type(name: Name, _: Reader, profiles: Profiles, request: Request) -> Response:
    """Get what a type of identifiers is declared as. The ETag is that of the version alone."""
    found = await profiles.identifier_types.get(name)
    return with_etag(request, found.model_dump_json().encode(), same=found.identity())


@router.put(
    "/{name}",
    response_model=IdentifierTypeOut,
    responses={
        201: {"description": "The type is declared.", "model": IdentifierTypeOut},
        **problems(
            BadIdempotencyKey, BadIdentifierType, IdentifiersStored, IdentifierTypeMoved, TooManyIdentifierTypes
        ),
    },
)
async def declare_identifier_type(
    name: Name,
    body: IdentifierTypeIn,
    caller: Writer,
    profiles: Profiles,
    idem: IdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    """Declare a type of identifiers, or declare it otherwise.

    It holds for what is said from then on: what is stored stays, and nobody is merged or split by a declaration.
    """
    said = await profiles.identifier_types.put(name, body, by=caller.key_id, if_match=_versions(if_match), idem=idem)
    return answer(said)


@router.delete(
    "/{name}",
    status_code=204,
    responses=problems(IdentifierTypeUnknown, IdentifierTypeMoved, IdentifiersStored),
)
async def undeclare_identifier_type(name: Name, caller: Writer, profiles: Profiles, if_match: IfMatch = None) -> None:
    """Declare a type no more: what holds by default holds again, for what is said from then on."""
    await profiles.identifier_types.delete(name, by=caller.key_id, if_match=_versions(if_match))


@router.get("/{name}/versions", responses=problems(BadCursor, IdentifierTypeUnknown))
async def identifier_type_versions(
    name: Name, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[IdentifierTypeVersionOut]:
    """List what a type was declared as, the latest first."""
    found = await profiles.identifier_types.versions(name, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), IdentifierTypeVersionOut.of)


def _versions(header: str | None) -> frozenset[str] | None:
    """The versions in an `If-Match`; None where any will do."""
    if header is None or header.strip() == "*":
        return None
    return frozenset(each.strip().removeprefix("W/").strip('"') for each in header.split(","))
