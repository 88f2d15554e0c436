"""The one middleware: an id, a span and RED metrics for every request, a limit for bodies, a last resort for errors.

Pure ASGI, for it stands before the ingest path: no task, no queue, no copy of a body (about 8 µs a request). Labels
are route templates, never paths. There is no access log; a failure is logged with the request's id and its traceback.
"""

import asyncio
import logging
import random
import time
from time import perf_counter
from typing import Any

from fastapi.routing import APIRoute
from opentelemetry import trace
from prometheus_client import Counter, Histogram
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import AppError, BadRequest
from shared.http.auth import AUDITED, RATE
from shared.http.browsers import READS
from shared.http.files import FileRoute
from shared.http.problems import REQUEST_ID, BodyRefused, BodyTooLarge, NotJson, from_unexpected, problem
from shared.http.settings import HttpSettings
from shared.observability import metrics
from shared.observability.logging import logger
from shared.observability.tracing import is_exported, request_span
from shared.rights.audit import AuditLog

log = logger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
# What a key opened is for its caller alone: no store on the way keeps it, and who has it asks whether it still holds.
_NO_STORE = (b"cache-control", b"no-store")
_ASK_AGAIN = (b"cache-control", b"private, no-cache")
UNMATCHED = "unmatched"
# In place of a service: what answers for all of them.
PLATFORM = "platform"
# nginx's number for a client that left; no answer of ours carries it.
CLIENT_GONE = 499
_REFUSED = 400
# Asked several times a minute by machines: no trace of theirs tells anything.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class NulInUrl(BadRequest):
    """An id or a parameter that no column can hold."""

    code = "nul_character"

    def __init__(self) -> None:
        super().__init__("The address contains a NUL character.")


class SlowBody(AppError):
    """The client did not send its body in time."""

    status, code, title = 408, "slow_body", "Request timeout"

    def __init__(self) -> None:
        super().__init__("The body did not come in time.")


class Edge:
    """Wraps the application; native routes (`APIRoute`) get the limits of bodies, raw ones have their own."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._in_flight = 0
        # Read at the scrape: a lock for each request would cost more than the number is worth.
        metrics.HTTP_IN_FLIGHT.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        exchange = _Exchange(scope, receive, send, self._settings)
        self._in_flight += 1
        try:
            traceparent = _header(scope, b"traceparent")
            if (traceparent is None and not is_exported()) or scope["path"] in _PROBES:
                # Nobody listens and nobody asked: a span would cost more than parsing the event.
                await self._answer(exchange)
            else:
                await self._traced(exchange, traceparent)
        finally:
            self._in_flight -= 1
            status = CLIENT_GONE if exchange.is_gone else exchange.status
            if status:
                self._count(scope, status, perf_counter() - started)
            if AUDITED in scope:
                _audit(exchange, status)

    async def _traced(self, exchange: "_Exchange", traceparent: bytes | None) -> None:
        scope = exchange.scope
        with request_span(scope["method"], traceparent.decode("latin-1") if traceparent else None) as span:
            await self._answer(exchange)
            if span.is_recording():
                _describe(span, scope, exchange.status)

    async def _answer(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        try:
            if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                raise NulInUrl
            await self._app(scope, exchange.receive, exchange.send)
        except AppError as refusal:
            await exchange.refuse(refusal)
        except Exception as error:
            if exchange.is_gone:
                return
            unforeseen = from_unexpected(error)
            self._log(exchange, error, is_bug=unforeseen.status == 500)
            if exchange.status:
                # Half an answer is out: only a cut connection tells the client that it is not whole.
                raise
            await exchange.refuse(unforeseen)

    def _log(self, exchange: "_Exchange", error: Exception, *, is_bug: bool) -> None:
        log.log(
            logging.ERROR if is_bug else logging.WARNING,
            "request_failed",
            route=route_template(exchange.scope),
            method=exchange.scope["method"],
            request_id=exchange.request_id,
            error=type(error).__name__,
            exc_info=error if is_bug else None,
        )

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        labels = (route_template(scope), method, status)
        children = self._children.get(labels)
        if children is None:
            route, _, code = labels
            service = scope["app"].state.owners.get(route, PLATFORM)
            children = (
                metrics.HTTP_REQUESTS.labels(service, route, method, str(code)),
                metrics.HTTP_SECONDS.labels(service, route, method),
            )
            self._children[labels] = children
        children[0].inc()
        children[1].observe(seconds)


class _Exchange:
    """One request and its answer: watches what goes in and out."""

    __slots__ = ("_deadline", "_receive", "_send", "_settings", "_size", "is_gone", "request_id", "scope", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: HttpSettings) -> None:
        self.scope = scope
        self.status = 0
        # The client left before its body was whole, or before our answer: nobody reads it.
        self.is_gone = False
        self.request_id = _new_id()
        self._receive = receive
        self._send = send
        self._settings = settings
        # When the body must be whole; None once it is.
        self._deadline: float | None = 0.0
        self._size = 0
        scope[REQUEST_ID] = self.request_id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode()), _NO_SNIFFING]
            if AUDITED in self.scope:
                names = {name for name, _ in headers}
                if b"cache-control" not in names:
                    headers.append(_ASK_AGAIN if b"etag" in names else _NO_STORE)
                headers += self.scope[RATE]
            message["headers"] = headers
        await self._send(message)

    async def refuse(self, refusal: AppError) -> None:
        """Answer with a problem; if an answer has begun there is nothing left to say."""
        if not self.status:
            await problem(refusal, request_id=self.request_id)(self.scope, self._receive, self.send)

    async def receive(self) -> Message:
        """The next part of the body; on native routes, if it comes in time and is not too much."""
        # The route is known by the time the body is asked for.
        route = self.scope.get("route")
        if self._deadline is not None and isinstance(route, APIRoute):
            if isinstance(route, FileRoute):
                # Each part of a file in its time, however long the whole takes.
                by = asyncio.get_running_loop().time() + self._settings.body_seconds
                return await self._receive_within(by, self._settings.max_file_bytes)
            return await self._receive_json(self._deadline)
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.is_gone = not self.status
        return message

    async def _receive_json(self, deadline: float) -> Message:
        """The next part of a body that is read whole before it is looked at."""
        if not deadline:
            self._check_head()
            deadline = self._deadline = asyncio.get_running_loop().time() + self._settings.body_seconds
        try:
            return await self._receive_within(deadline, self._settings.max_body_bytes)
        except (SlowBody, BodyTooLarge) as refusal:
            raise BodyRefused(refusal) from None

    async def _receive_within(self, deadline: float, at_most: int) -> Message:
        """The next part, by a time of the loop; with those before it, not over so many bytes."""
        try:
            async with asyncio.timeout_at(deadline):
                message = await self._receive()
        except TimeoutError:
            raise SlowBody from None
        if message["type"] == "http.disconnect":
            self.is_gone = True
            return message
        if not message.get("more_body", False):
            self._deadline = None
        self._size += len(message.get("body", b""))
        if self._size > at_most:
            raise BodyTooLarge(at_most)
        return message

    def _check_head(self) -> None:
        length = _header(self.scope, b"content-length")
        if length is not None and length.isdigit() and int(length) > self._settings.max_body_bytes:
            raise BodyRefused(BodyTooLarge(self._settings.max_body_bytes))
        if (_header(self.scope, b"content-encoding") or b"identity").lower() != b"identity":
            raise BodyRefused(NotJson())


def route_template(scope: Scope) -> str:
    """The template of the route that answers (`/v1/customers/{customer_id}`), or `unmatched`."""
    route: BaseRoute | None = scope.get("route")
    template: str = getattr(route, "path", UNMATCHED)
    return template


def _audit(exchange: "_Exchange", status: int) -> None:
    """Tell the audit log of a request that saw somebody, or changed something."""
    scope = exchange.scope
    key_id, customers = scope[AUDITED]
    log: AuditLog | None = scope["app"].state.audit
    if log is not None and (customers or (scope["method"] not in READS and status < _REFUSED)):
        log.note(
            key_id=key_id,
            method=scope["method"],
            route=route_template(scope),
            status=status,
            request_id=exchange.request_id,
            customers=customers,
        )


def _new_id() -> str:
    """A UUIDv7 in text, without a system call: it tells requests apart and guards nothing."""
    value = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | 0b10 << 62
    value |= random.getrandbits(12) << 64 | random.getrandbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def _describe(span: trace.Span, scope: Scope, status: int) -> None:
    template = route_template(scope)
    span.update_name(f"{scope['method']} {template}")
    attributes: dict[str, Any] = {
        "http.request.method": scope["method"],
        "http.route": template,
        "http.response.status_code": status,
    }
    span.set_attributes(attributes)
    if status >= 500:
        span.set_status(trace.StatusCode.ERROR)
