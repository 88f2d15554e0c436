"""The hot side of HTTP: raw ASGI, one pass over the headers, bounded bodies, CORS as browsers need it.

Content-Type is not looked at: SDKs send JSON as text/plain, form data and JSON. Every answer, a refusal too, carries
the CORS headers: a browser that cannot read a refusal takes it for a broken network and sends the same for days.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from services.touchpoints.domain.bodies import MAX_RAW_BYTES, inflate, is_gzip, is_large, parse, too_large
from services.touchpoints.errors import BodyTooSlow, OriginNotAllowed, Overloaded, UnknownEncoding, WrongMethod
from services.touchpoints.ingest.service import IngestService
from shared.errors import AppError, Unauthorized
from shared.http.auth import Caller, KeyRing
from shared.http.caller import MissingKey, MissingScope, presented
from shared.http.problems import BodyRefused, problem, request_id_of

SCOPE = "touchpoints:write"
PREFLIGHT_SECONDS = b"7200"
MAX_QUERY_BYTES = 16 * 1024

Headers = Mapping[bytes, bytes]
HeaderList = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),)


class Exchange(NamedTuple):
    """One request, as far as it was read."""

    scope: Scope
    headers: Headers
    query: Mapping[str, str]
    receive: Receive

    @property
    def keyring(self) -> KeyRing:
        """The process's keys."""
        keyring: KeyRing = self.scope["app"].state.keyring
        return keyring

    async def caller(self, key: str) -> Caller:
        """Who presents this key.

        Raises:
            Unauthorized, RateLimited, Unavailable: as they say.
        """
        client = self.scope.get("client")
        return await self.keyring.authenticate(key, address=client[0] if client else None)


class Door(ABC):
    """An ASGI endpoint of one address. A subclass says how it answers."""

    method: ClassVar[str] = "POST"

    def __init__(self, ingest: IngestService) -> None:
        self.ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS":
            answer = _preflight(headers, self.method)
        else:
            try:
                if scope["method"] != self.method:
                    raise WrongMethod(self.method)
                query = _query(scope["query_string"]) if scope["query_string"] else {}
                answer = await self.answer(Exchange(scope, headers, query, receive))
            except AppError as error:
                answer = self.refusal(error, scope)
            except ClientDisconnect:
                return
        await _send(answer, headers.get(b"origin"), send)

    @abstractmethod
    async def answer(self, exchange: Exchange) -> Answer:
        """Answer a request of the right method, or raise an `AppError`."""

    def refusal(self, error: AppError, scope: Scope) -> Answer:
        """The answer to what went wrong: problem+json with `code` and `message`."""
        response = problem(error, request_id=request_id_of(Request(scope)))
        return Answer(response.status_code, bytes(response.body), _without_length(response.raw_headers))


def _without_length(headers: HeaderList) -> HeaderList:
    return [header for header in headers if header[0] != b"content-length"]


async def _send(answer: Answer, origin: bytes | None, send: Send) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body)), (b"vary", b"Origin")]
    if origin is not None:
        headers += (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"Retry-After, X-Request-Id"),
        )
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _preflight(headers: Headers, method: str) -> Answer:
    """Allow what the browser asks for: which headers an SDK sends changes with its versions.

    The key is not known yet: whether its owner wants this origin is decided on the request itself.
    """
    allowed: HeaderList = [
        (b"access-control-allow-methods", f"{method}, OPTIONS".encode()),
        (b"access-control-max-age", PREFLIGHT_SECONDS),
        (b"allow", f"{method}, OPTIONS".encode()),
    ]
    if asked := headers.get(b"access-control-request-headers"):
        allowed.append((b"access-control-allow-headers", asked))
    return Answer(204, b"", allowed)


def _query(raw: bytes) -> Mapping[str, str]:
    if len(raw) > MAX_QUERY_BYTES:
        raise too_large(MAX_QUERY_BYTES, "in its query")
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))


class Uploads:
    """Counts the bytes of bodies that come in parts, over all requests: many slow ones together fill a memory."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0

    async def rest(self, receive: Receive, first: bytes) -> bytes:
        """The whole body, of which `first` has come.

        Raises:
            TooLarge, Overloaded: as they say.
            ClientDisconnect: nobody waits for an answer.
        """
        chunks, size, is_whole = [first], len(first), False
        self._held += size
        try:
            while not is_whole:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                self._held += len(chunk)
                if size > MAX_RAW_BYTES:
                    raise too_large(MAX_RAW_BYTES)
                if self._held > self._limit:
                    raise Overloaded
                is_whole = not message.get("more_body")
            return b"".join(chunks)
        finally:
            self._held -= size


async def read(exchange: Exchange, uploads: Uploads, seconds: float) -> bytes:
    """The body, inflated if it is gzip, bounded before and after.

    Raises:
        TooLarge, BodyTooSlow, Overloaded, UnknownEncoding, BadGzip: as they say.
        ClientDisconnect: nobody waits for an answer.
    """
    encoding = exchange.headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"gzip", b"x-gzip", b"identity", b""):
        raise UnknownEncoding
    length = exchange.headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > MAX_RAW_BYTES:
        raise too_large(MAX_RAW_BYTES)
    try:
        message = await exchange.receive()
        body = message.get("body", b"")
        if message.get("more_body"):
            async with asyncio.timeout(seconds):
                body = await uploads.rest(exchange.receive, body)
    except (TimeoutError, BodyRefused):
        # The edge's own deadline for a body answers 408, which some SDKs take for a reason to drop it.
        raise BodyTooSlow from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > MAX_RAW_BYTES:
        raise too_large(MAX_RAW_BYTES)
    return inflate(body) if is_gzip(body) else body


class Document(NamedTuple):
    """What was sent, by whom, and how far it must be distrusted."""

    caller: Caller
    content: Any
    may_hold_nul: bool
    is_large: bool


async def document(exchange: Exchange, uploads: Uploads, seconds: float) -> Document:
    """Who sends, and the JSON they send.

    The key stands in the Authorization header, in the query, or in the body; the first that is good counts.

    Raises:
        Unauthorized, Forbidden, Unavailable, and what `read` and `parse` raise.
    """
    caller, refusal = await _stated_caller(exchange)
    body = await read(exchange, uploads, seconds)
    parsed = parse(body)
    if caller is None:
        in_body = parsed.get("writeKey") if isinstance(parsed, dict) else None
        if isinstance(in_body, str):
            caller, later = await _first_good(exchange, (in_body,))
            refusal = refusal or later
        if caller is None:
            raise refusal or MissingKey()
    check(caller, exchange.headers)
    return Document(caller, parsed, b"\\u0000" in body, is_large(body))


async def named_caller(exchange: Exchange) -> Caller:
    """The caller by header or query alone.

    Raises:
        Unauthorized, Forbidden, Unavailable: as they say.
    """
    caller, refusal = await _stated_caller(exchange)
    if caller is None:
        raise refusal or MissingKey()
    check(caller, exchange.headers)
    return caller


async def _stated_caller(exchange: Exchange) -> tuple[Caller | None, Unauthorized | None]:
    authorization = exchange.headers.get(b"authorization")
    key = None if authorization is None else presented(authorization.decode("latin-1"))
    if key is not None and (caller := exchange.keyring.cached(key)) is not None:
        return caller, None
    return await _first_good(exchange, (key, exchange.query.get("writeKey")))


async def _first_good(exchange: Exchange, keys: Sequence[str | None]) -> tuple[Caller | None, Unauthorized | None]:
    refusal: Unauthorized | None = None
    for key in keys:
        if key:
            caller = exchange.keyring.cached(key)
            if caller is not None:
                return caller, None
            try:
                return await exchange.caller(key), None
            except Unauthorized as error:
                refusal = refusal or error
    return None, refusal


def check(caller: Caller, headers: Headers) -> None:
    """Refuse a secret key without the scope, and a write key on a page its owner has not named.

    Servers send no Origin: for them a list of origins means nothing.
    """
    if caller.kind == "secret" and not caller.may(SCOPE):
        raise MissingScope(SCOPE)
    origin = headers.get(b"origin")
    if caller.origins and origin is not None and not caller.is_welcome_from(origin.decode("latin-1")):
        raise OriginNotAllowed
