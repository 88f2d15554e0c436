"""The addresses of the door: Segment's and RudderStack's, the beacon, the pixel, what SDKs ask at their start, and our
own typed one.

Errors of a whole request are 400, 401, 403, 413, 429 and 503. A single call whose one event is refused is answered 400:
every SDK then drops it at once, and it is in the quarantine. A batch is 200 with verdicts even if all its events are
refused, for a 400 says nothing about which; the typed endpoint answers 422 then.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.routing import BaseRoute, Route

from services.touchpoints.domain.calls import Delivery
from services.touchpoints.domain.times import sent_time
from services.touchpoints.errors import AllRefused, EventRefused, NoBatch, TooManyEvents
from services.touchpoints.ingest.http import Answer, Door, Exchange, Headers, Uploads, document
from services.touchpoints.ingest.sdk import Pixel, SdkMetrics, SdkSettings, SourceConfig
from services.touchpoints.ingest.service import IngestService, Verdicts
from shared.http.auth import Caller
from shared.http.idempotency import BadIdempotencyKey
from shared.observability.tracing import current_traceparent

MAX_EVENTS = 2_500
MAX_IDEMPOTENCY_KEY = 255

CALLS: Mapping[str, str] = {
    "track": "t",
    "page": "p",
    "identify": "i",
    "screen": "s",
    "group": "g",
    "alias": "a",
}
_ONE_STORED = b'{"success":true,"accepted":1,"duplicates":0,"rejected":[]}'


class _Events(Door):
    """What the addresses that take events share."""

    def __init__(self, ingest: IngestService, uploads: Uploads) -> None:
        super().__init__(ingest)
        self.uploads = uploads

    async def answer(self, exchange: Exchange) -> Answer:
        sent = await document(exchange, self.uploads, self.ingest.settings.body_seconds)
        delivery = self.delivery(sent.caller, exchange.headers)
        delivery.may_hold_nul, delivery.is_large = sent.may_hold_nul, sent.is_large
        return await self.take(sent.content, sent.caller, delivery, exchange)

    def delivery(self, caller: Caller, headers: Headers) -> Delivery:
        """What the events of this request share."""
        return Delivery(
            caller.source or f"key:{caller.key_id}",
            self.ingest.clock.now(),
            currency=self.ingest.currency,
            traceparent=current_traceparent() or _traceparent(headers),
        )

    @abstractmethod
    async def take(self, body: Any, caller: Caller, delivery: Delivery, exchange: Exchange) -> Answer:
        """Take what the body holds, or raise an `AppError`."""

    def events(self, body: Any, field: str, caller: Caller) -> list[Any]:
        """The list of events in a body, within the limits.

        Raises:
            NoBatch, TooManyEvents, RateLimited: as they say.
        """
        found = body.get(field) if type(body) is dict else None
        if type(found) is not list:
            raise NoBatch(field)
        if len(found) > MAX_EVENTS:
            raise TooManyEvents(MAX_EVENTS)
        self.ingest.limits.take(caller.key_id, len(found))
        return found


class Single(_Events):
    """One call; its address says which, whatever its `type` says."""

    def __init__(self, ingest: IngestService, uploads: Uploads, call: str) -> None:
        super().__init__(ingest, uploads)
        self.call = call

    async def take(self, body: Any, caller: Caller, delivery: Delivery, exchange: Exchange) -> Answer:
        self.ingest.limits.take(caller.key_id)
        delivery.sent = _header_time(exchange.headers)
        verdicts = await self.ingest.take((body,), self.call, delivery)
        if verdicts.rejected:
            refused = verdicts.rejected[0]
            raise EventRefused(refused["code"], refused["message"])
        return Answer(200, _body(verdicts) if verdicts.warnings else _ONE_STORED)


class Batch(_Events):
    """Many calls, each of the type it names."""

    def __init__(self, ingest: IngestService, uploads: Uploads, *, corrects_clocks: bool = True) -> None:
        super().__init__(ingest, uploads)
        self.corrects_clocks = corrects_clocks

    async def take(self, body: Any, caller: Caller, delivery: Delivery, exchange: Exchange) -> Answer:
        events = self.events(body, "batch", caller)
        delivery.sent = sent_time(body.get("sentAt")) or _header_time(exchange.headers)
        delivery.corrects_clocks = self.corrects_clocks
        if isinstance(context := body.get("context"), dict):
            delivery.context = context
        return Answer(200, _body(await self.ingest.take(events, None, delivery)))


class Native(_Events):
    """Our own typed endpoint: `{"events": [...]}`; `Idempotency-Key` makes the ids of events that have none."""

    async def take(self, body: Any, caller: Caller, delivery: Delivery, exchange: Exchange) -> Answer:
        events = self.events(body, "events", caller)
        base = _message_base(exchange.headers, delivery.source)
        verdicts = await self.ingest.take_native(events, delivery, message_base=base)
        if verdicts.rejected and not verdicts.accepted and not verdicts.duplicates:
            raise AllRefused(verdicts.rejected)
        return Answer(200, _body(verdicts))


def _body(verdicts: Verdicts) -> bytes:
    answer: dict[str, Any] = {
        "success": True,
        "accepted": verdicts.accepted,
        "duplicates": verdicts.duplicates,
        "rejected": verdicts.rejected,
    }
    if verdicts.warnings:
        answer["warnings"] = verdicts.warnings
    return orjson.dumps(answer)


def _header_time(headers: Headers) -> Any:
    sent = headers.get(b"sentat")
    return None if sent is None else sent_time(sent.decode("latin-1"))


def _traceparent(headers: Headers) -> str | None:
    """The caller's W3C trace context, if it has the length of one."""
    value = headers.get(b"traceparent")
    return value.decode() if value is not None and len(value) == 55 and value.isascii() else None


def _message_base(headers: Headers, source: str) -> str | None:
    key = headers.get(b"idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY or not all(0x21 <= each <= 0x7E for each in key):
        raise BadIdempotencyKey
    return f"{source}\x1f{key.decode()}"


def routes(ingest: IngestService) -> tuple[BaseRoute, ...]:
    """The Starlette routes of the door, the busiest first.

    Each address stands there again with a slash at its end, where some clients knock.
    """
    uploads = Uploads(ingest.settings.uploads_bytes)
    batch = Batch(ingest, uploads)
    doors: dict[str, Door] = {"/v1/batch": batch, "/v1/b": batch}
    for call, letter in CALLS.items():
        doors[f"/v1/{call}"] = doors[f"/v1/{letter}"] = Single(ingest, uploads, call)
    doors["/beacon/v1/batch"] = batch
    doors["/v1/events"] = Native(ingest, uploads)
    doors["/v1/import"] = Batch(ingest, uploads, corrects_clocks=False)
    doors["/v1/m"] = SdkMetrics(ingest)
    doors["/v1/projects/{write_key}/settings"] = SdkSettings(ingest)
    doors["/sourceConfig"] = SourceConfig(ingest)
    doors["/pixel/v1/track"] = Pixel(ingest, "track")
    doors["/pixel/v1/page"] = Pixel(ingest, "page")
    return tuple(Route(path + slash, door) for slash in ("", "/") for path, door in doors.items())
