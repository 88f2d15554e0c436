"""Preferences, interests and the next best action over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from services.profiles.api import Profiles, Reader, Reference, Writer, sees_sensitive
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown, FutureTime
from services.profiles.needs.domain.languages import accepted
from services.profiles.needs.errors import BadPreference, UnknownPreference
from services.profiles.needs.schemas import (
    ActionsOut,
    DeclaredOut,
    InterestsOut,
    PreferenceIn,
    PreferencesOut,
    PreferenceWordOut,
)
from services.profiles.rights.errors import Restricted
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, moment_and_id_in, page_of
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1/customers", tags=["needs"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["size"])]


@router.get(
    "/{customer}/preferences",
    response_model=PreferencesOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier)},
)
async def preferences(customer: Reference, _: Reader, profiles: Profiles, request: Request) -> Response:
    """Get what a customer said they want: the latest word on each preference."""
    found = await profiles.needs.preferences(customer)
    return with_etag(request, found.model_dump_json().encode())


@router.get("/{customer}/preference-history", responses=problems(BadCursor, CustomerUnknown, AmbiguousIdentifier))
async def history(
    customer: Reference, _: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[PreferenceWordOut]:
    """List everything a customer said on what they want, the latest first; what was taken back stays here."""
    before = moment_and_id_in(cursor)
    words = await profiles.needs.history(customer, before=before, limit=limit)
    return page_of(words, limit, lambda each: (each.time, each.id), PreferenceWordOut.of)


@router.put(
    "/{customer}/preferences/{name}",
    response_model=DeclaredOut,
    responses=problems(
        BadIdempotencyKey, CustomerUnknown, AmbiguousIdentifier, UnknownPreference, BadPreference, FutureTime
    ),
)
async def declare(
    customer: Reference, name: Name, body: PreferenceIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Say what a customer wants; a later word that is known already stays the one that holds."""
    return answer(await profiles.needs.declare(customer, name, body, by=caller.key_id, idem=idem))


@router.delete(
    "/{customer}/preferences/{name}",
    response_model=DeclaredOut,
    responses=problems(BadIdempotencyKey, CustomerUnknown, AmbiguousIdentifier, UnknownPreference, FutureTime),
)
async def take_back(
    customer: Reference,
    name: Name,
    caller: Writer,
    profiles: Profiles,
    idem: IdempotencyKey,
    time: Annotated[Instant | None, Query(description="When it was taken back, in the past; none: now.")] = None,
) -> Response:
    """Take a preference back: it holds no longer, and stays in the history."""
    return answer(await profiles.needs.take_back(customer, name, time=time, by=caller.key_id, idem=idem))


@router.get("/{customer}/interests", responses=problems(CustomerUnknown, AmbiguousIdentifier, FutureTime))
async def interests(
    customer: Reference,
    _: Reader,
    profiles: Profiles,
    as_of: Annotated[
        Instant | None, Query(description="As strong as on the local day of then, by all that is known now; none: now.")
    ] = None,
    limit: Limit = 50,
) -> InterestsOut:
    """Get what a customer was seen to look for, the strongest first, each with the evidence it rests on."""
    return await profiles.needs.interests(customer, as_of=as_of, limit=limit)


@router.get("/{customer}/next-best-actions", responses=problems(CustomerUnknown, AmbiguousIdentifier, Restricted))
async def next_best_actions(
    customer: Reference,
    caller: Reader,
    profiles: Profiles,
    response: Response,
    accept_language: Annotated[
        str | None, Header(description="`vi` or `en`, as browsers send it; English where it is neither.")
    ] = None,
) -> ActionsOut:
    """Suggest what a person in sales or support may do next, each with its facts and what consent says of a message.

    What may be done comes first, the highest score leading. Nothing is sent: ask the check of consent before sending.
    """
    language = accepted(accept_language)
    response.headers.update({"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"})
    sees = sees_sensitive(caller)
    return await profiles.needs.next_best_actions(customer, language=language, sees_sensitive=sees)
