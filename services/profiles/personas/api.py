"""Personas over HTTP: as JSON, and as a card for the wall."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from services.profiles.api import Profiles, Reader, Reference, Writer
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown, FutureTime
from services.profiles.personas.domain.languages import preferred
from services.profiles.personas.domain.persona import Language, Status, shown
from services.profiles.personas.errors import (
    PersonaCycle,
    PersonaExists,
    PersonalData,
    PersonaMoved,
    PersonaTooLarge,
    PersonaUnknown,
    PersonaVersionUnknown,
    TooManyPersonas,
    UnknownSegment,
)
from services.profiles.personas.schemas.card import POLICY, card
from services.profiles.personas.schemas.persona import (
    KEY_PATTERN,
    MAX_KEY,
    MAX_VERSION,
    CustomerPersonasOut,
    PersonaBelongingOut,
    PersonaChangeIn,
    PersonaDiffOut,
    PersonaIn,
    PersonaOut,
    PersonaSummaryOut,
    PersonaVersionOut,
    RetireIn,
)
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["personas"])

Key = Annotated[str, Path(pattern=KEY_PATTERN, max_length=MAX_KEY, examples=["busy-mother-lan"])]
Version = Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="As it was then; none: as it is.")]
Wanted = Annotated[Language | None, Query(description="The language to read in; none: the persona's own.")]
IfMatch = Annotated[
    str | None, Header(description="ETags of the persona, or its version; another by now is refused with 412.")
]
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The card.", "content": {"text/html": {"schema": {"type": "string"}}}},
    **UNMODIFIED,
}
_VERSION_IN_TAG = re.compile(r'(?:W/)?"?([1-9]\d{0,9})(?:\.[0-9a-f]+)?"?', re.ASCII)


@router.post(
    "/personas",
    response_model=PersonaOut,
    status_code=201,
    responses=problems(
        BadIdempotencyKey,
        PersonaExists,
        TooManyPersonas,
        PersonaCycle,
        PersonaTooLarge,
        PersonalData,
        UnknownSegment,
        FutureTime,
    ),
)
async def create_persona(body: PersonaIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey) -> Response:
    """Write a persona down: who the customers of a segment are, in words that the whole firm shares."""
    return answer(await profiles.personas.create(body, by=caller.key_id, idem=idem))


@router.get("/personas", responses=problems(BadCursor))
async def personas(
    _: Reader,
    profiles: Profiles,
    status: Annotated[Status | None, Query(description="Only these.")] = None,
    language: Wanted = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PersonaSummaryOut]:
    """List personas by key, each with its live size."""
    found, sight = await profiles.personas.listed(status=status, after=_key(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.key,), lambda each: PersonaSummaryOut.of(each, sight, language))


@router.get(
    "/personas/{persona}",
    response_model=PersonaOut,
    responses={**UNMODIFIED, **problems(PersonaUnknown, PersonaVersionUnknown)},
)
async def persona(
    persona: Key, _: Reader, profiles: Profiles, request: Request, version: Version = None, language: Wanted = None
) -> Response:
    """Get a persona and its live size; the ETag is for `If-Match` too, which looks at the version alone."""
    found, sight = await profiles.personas.get(persona, version=version)
    body = PersonaOut.of(found, sight, language).model_dump_json().encode()
    return with_etag(request, body, version=found.version)


@router.put(
    "/personas/{persona}",
    response_model=PersonaOut,
    responses=problems(
        BadIdempotencyKey,
        PersonaUnknown,
        PersonaMoved,
        PersonaCycle,
        PersonaTooLarge,
        PersonalData,
        UnknownSegment,
        FutureTime,
    ),
)
async def change_persona(
    persona: Key,
    body: PersonaChangeIn,
    caller: Writer,
    profiles: Profiles,
    idem: IdempotencyKey,
    if_match: IfMatch = None,
) -> Response:
    """Write the next version of a persona, whole; what changes nothing makes no version."""
    held = _versions(if_match)
    return answer(await profiles.personas.change(persona, body, by=caller.key_id, versions=held, idem=idem))


@router.post(
    "/personas/{persona}/retire",
    response_model=PersonaOut,
    responses=problems(BadIdempotencyKey, PersonaUnknown, PersonaMoved, PersonalData),
)
async def retire_persona(
    persona: Key, body: RetireIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Take a persona out of use; it can still be read, and a PUT brings it back."""
    held = _versions(if_match)
    return answer(await profiles.personas.retire(persona, body, by=caller.key_id, versions=held, idem=idem))


@router.get("/personas/{persona}/versions", responses=problems(BadCursor, PersonaUnknown))
async def persona_versions(
    persona: Key, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[PersonaVersionOut]:
    """List what a persona was, the latest version first: who changed it, when and why."""
    found = await profiles.personas.versions(persona, before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,), PersonaVersionOut.of)


@router.get("/personas/{persona}/diff", responses=problems(PersonaUnknown, PersonaVersionUnknown))
async def persona_diff(
    persona: Key,
    _: Reader,
    profiles: Profiles,
    from_version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="None: the one before.")] = None,
    to_version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="None: the latest.")] = None,
) -> PersonaDiffOut:
    """Say what changed between two versions of a persona."""
    found = await profiles.personas.differences(persona, from_version=from_version, to_version=to_version)
    return PersonaDiffOut.of(*found)


@router.get(
    "/personas/{persona}/card",
    response_class=HTMLResponse,
    responses={**_PAGE, **problems(PersonaUnknown, PersonaVersionUnknown)},
)
async def persona_card(
    persona: Key,
    _: Reader,
    profiles: Profiles,
    request: Request,
    version: Version = None,
    language: Wanted = None,
    accept_language: Annotated[str | None, Header(description="Counts where no `language` is asked for.")] = None,
) -> Response:
    """Get a persona as a page to read, print and hang on the wall."""
    found, sight = await profiles.personas.get(persona, version=version)
    wanted = language or preferred(accept_language)
    page = card(found, sight, wanted).encode()
    response = with_etag(request, page, version=found.version, media_type="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Content-Language"] = shown(found.content, wanted).language
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Vary"] = "Accept-Language"
    return response


@router.get(
    "/customers/{customer}/personas",
    response_model=CustomerPersonasOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def customer_personas(
    customer: Reference, _: Reader, profiles: Profiles, request: Request, language: Wanted = None
) -> Response:
    """List the active personas that a customer belongs to now."""
    root, found = await profiles.personas.of(customer)
    said = CustomerPersonasOut(
        customer=root, personas=[PersonaBelongingOut.of(each.persona, each.since, language) for each in found]
    )
    return with_etag(request, said.model_dump_json().encode())


def _versions(header: str | None) -> frozenset[int] | None:
    """The versions in an `If-Match`; None where any will do."""
    if header is None or header.strip() == "*":
        return None
    found = (_VERSION_IN_TAG.fullmatch(each.strip()) for each in header.split(","))
    return frozenset(int(each[1]) for each in found if each is not None)


def _key(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    (key,) = decode_cursor(cursor, length=1)
    if not isinstance(key, str) or not re.fullmatch(KEY_PATTERN, key, re.ASCII):
        raise BadCursor
    return key
