"""Consent over HTTP: what a customer allows, what they said, and the check before each sending."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.profiles.api import Profiles, Reference
from services.profiles.consent.errors import (
    BadExpiry,
    BadReferences,
    ConsentNotNeeded,
    FrequencyMissing,
    ProofTooLarge,
    TextPublished,
    TextUnknown,
    TextUnpublished,
    TextVersionMissing,
    UnknownChannel,
    UnknownPurpose,
)
from services.profiles.consent.schemas import (
    MAX_VERSION,
    VERSION_PATTERN,
    CheckIn,
    CheckOut,
    ConsentIn,
    ConsentOut,
    ConsentWordOut,
    DeclaredOut,
    RecordedOut,
    TextIn,
    TextOut,
)
from services.profiles.errors import AmbiguousIdentifier, CustomerUnknown, FutureTime
from shared.http.auth import Caller, require
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, moment_and_id_in, page_of, read_moment
from shared.http.problems import problems
from shared.http.schemas import Instant

router = APIRouter(prefix="/v1", tags=["consent"])

Reader = Annotated[Caller, Depends(require("consent:read"))]
Writer = Annotated[Caller, Depends(require("consent:write"))]
Version = Annotated[str, Path(pattern=VERSION_PATTERN, max_length=MAX_VERSION, examples=["newsletter-2026-11"])]
Only = Annotated[str | None, Query(min_length=1, max_length=40, description="Only words on this.")]


@router.get(
    "/customers/{customer}/consent",
    response_model=ConsentOut,
    responses={**UNMODIFIED, **problems(CustomerUnknown, AmbiguousIdentifier, FutureTime)},
)
async def consent(
    customer: Reference,
    _: Reader,
    profiles: Profiles,
    request: Request,
    as_of: Annotated[Instant | None, Query(description="What held then, by all that is known now; none: now.")] = None,
) -> Response:
    """Get what a customer allows: one entry per purpose and channel on which there is a word."""
    found = await profiles.consent.state(customer, as_of=as_of)
    return with_etag(request, found.model_dump_json().encode())


@router.post(
    "/customers/{customer}/consent",
    response_model=RecordedOut,
    responses=problems(
        BadIdempotencyKey,
        CustomerUnknown,
        AmbiguousIdentifier,
        UnknownPurpose,
        UnknownChannel,
        ConsentNotNeeded,
        TextVersionMissing,
        TextUnpublished,
        FrequencyMissing,
        BadExpiry,
        ProofTooLarge,
        FutureTime,
    ),
)
async def record(
    customer: Reference, body: ConsentIn, caller: Writer, profiles: Profiles, idem: IdempotencyKey
) -> Response:
    """Take down what a customer allows or withdraws; a later word that is known already stays the one that holds."""
    return answer(await profiles.consent.record(customer, body, by=caller.key_id, idem=idem))


@router.get(
    "/customers/{customer}/consent/history", responses=problems(BadCursor, CustomerUnknown, AmbiguousIdentifier)
)
async def history(
    customer: Reference,
    _: Reader,
    profiles: Profiles,
    purpose: Only = None,
    channel: Only = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ConsentWordOut]:
    """List everything a customer said on consent, with its proof, the latest first."""
    before = moment_and_id_in(cursor)
    words = await profiles.consent.history(customer, purpose=purpose, channel=channel, before=before, limit=limit)
    return page_of(words, limit, lambda each: (each.time, each.id), ConsentWordOut.of)


@router.post("/consent/check", responses=problems(UnknownPurpose, UnknownChannel, BadReferences))
async def check(body: CheckIn, _: Reader, profiles: Profiles) -> CheckOut:
    """Say who of up to 1,000 customers may be contacted now. Ask at the moment of sending; nothing is changed."""
    return await profiles.consent.check(body)


@router.get("/consent/purposes")
async def purposes(_: Reader, profiles: Profiles) -> DeclaredOut:
    """List the purposes and channels that the firm has declared."""
    return profiles.consent.declared()


@router.put(
    "/consent/texts/{version}",
    response_model=TextOut,
    status_code=201,
    responses={
        200: {"description": "This very text is published under the version already.", "model": TextOut},
        **problems(TextPublished),
    },
)
async def publish(version: Version, body: TextIn, caller: Writer, profiles: Profiles, response: Response) -> TextOut:
    """Publish the text that customers are shown, for ever: a new wording is a new version."""
    text, is_new = await profiles.consent.publish(version, body, by=caller.key_id)
    response.status_code = 201 if is_new else 200
    return text


@router.get("/consent/texts/{version}", responses=problems(TextUnknown))
async def text(version: Version, _: Reader, profiles: Profiles) -> TextOut:
    """Get the text that a version stands for, word by word."""
    return await profiles.consent.text(version)


@router.get("/consent/texts", responses=problems(BadCursor))
async def texts(_: Reader, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None) -> Page[TextOut]:
    """List the texts that were published, the newest first."""
    before = None if cursor is None else _moment(decode_cursor(cursor, length=2))
    found = await profiles.consent.texts(before=before, limit=limit)
    return page_of(found, limit, lambda each: (each.published_at, each.version), TextOut.of)


def _moment(values: Sequence[object]) -> tuple[datetime, str]:
    time, rest = values
    if not isinstance(rest, str) or "\x00" in rest:
        raise BadCursor
    return read_moment(time), rest
