"""What SDKs ask besides sending events: their settings, their own metrics, and the pixel for where no script runs."""

import base64
import binascii
import re
from typing import Any, ClassVar

import orjson
from starlette.types import Scope

from services.touchpoints.domain.calls import Delivery
from services.touchpoints.errors import EventRefused, UnknownWriteKey
from services.touchpoints.ingest.http import Answer, Door, Exchange, HeaderList, check, named_caller
from services.touchpoints.ingest.service import IngestService
from shared.errors import AppError, Unauthorized

_GIF = base64.b64decode(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")
_CACHED: HeaderList = [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=60")]


class SdkMetrics(Door):
    """analytics-next's counters about itself: taken and forgotten, so that it does not try again."""

    async def answer(self, exchange: Exchange) -> Answer:  # noqa: ARG002 - whatever was sent
        return Answer(200, b'{"success":true}')


class SdkSettings(Door):
    """analytics-next asks here where to send; the answer names us, so that one host name is all a shop sets."""

    method: ClassVar[str] = "GET"

    async def answer(self, exchange: Exchange) -> Answer:
        write_key = exchange.scope["path_params"]["write_key"]
        try:
            caller = exchange.keyring.cached(write_key) or await exchange.caller(write_key)
        except Unauthorized:
            raise UnknownWriteKey from None
        if caller.kind != "write":
            raise UnknownWriteKey
        check(caller, exchange.headers)
        protocol, host = self._address(exchange)
        settings = {
            "integrations": {
                "Segment.io": {
                    "apiKey": write_key,
                    "apiHost": f"{host}/v1",
                    "protocol": protocol,
                    "addBundledMetadata": True,
                    "unbundledIntegrations": [],
                }
            },
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
        return Answer(200, orjson.dumps(settings), _CACHED)

    def _address(self, exchange: Exchange) -> tuple[str, str]:
        public = self.ingest.settings.public_url
        if public is not None:
            protocol, _, host = public.rstrip("/").partition("://")
            return protocol, host
        asked = exchange.headers.get(b"host", b"").decode("latin-1")
        return exchange.scope["scheme"], asked if _HOST.fullmatch(asked) else "localhost"


class SourceConfig(Door):
    """rudder-js boots with this: our source, no destinations, no reports about itself to anybody."""

    method: ClassVar[str] = "GET"

    async def answer(self, exchange: Exchange) -> Answer:
        caller = await named_caller(exchange)
        config = {
            "source": {
                "id": caller.source or caller.key_id,
                "name": caller.source or caller.key_id,
                "writeKey": exchange.query.get("writeKey", ""),
                "enabled": True,
                "workspaceId": "tam",
                "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
                "dataplanes": {},
                "destinations": [],
            },
            "updatedAt": "2026-01-01T00:00:00Z",
        }
        return Answer(200, orjson.dumps(config), _CACHED)


class Pixel(Door):
    """A GIF for mails and pages without scripts.

    The event is in the query: `data` (base64 of JSON, as Segment), or its fields one by one, dots for nesting
    (`properties.campaign=x`, as RudderStack). An image is always answered; its status says what became of the event.
    """

    method: ClassVar[str] = "GET"

    def __init__(self, ingest: IngestService, call: str) -> None:
        super().__init__(ingest)
        self.call = call

    async def answer(self, exchange: Exchange) -> Answer:
        event = _from_query(dict(exchange.query))
        query = {"writeKey": str(event.pop("writeKey", ""))}
        caller = await named_caller(exchange._replace(query=query))
        self.ingest.limits.take(caller.key_id)
        delivery = Delivery(
            caller.source or f"key:{caller.key_id}", self.ingest.clock.now(), currency=self.ingest.currency
        )
        verdicts = await self.ingest.take((event,), self.call, delivery)
        if verdicts.rejected:
            refused = verdicts.rejected[0]
            raise EventRefused(refused["code"], refused["message"])
        return Answer(200, _GIF, _image())

    def refusal(self, error: AppError, scope: Scope) -> Answer:  # noqa: ARG002 - an image has no room for more
        headers = _image((b"x-tam-code", error.code.encode("latin-1", "replace")))
        headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
        return Answer(error.status, _GIF, headers)


def _image(*more: tuple[bytes, bytes]) -> HeaderList:
    return [(b"content-type", b"image/gif"), (b"cache-control", b"no-store, private"), *more]


def _from_query(query: dict[str, str]) -> dict[str, Any]:
    packed = query.pop("data", None)
    event: dict[str, Any] = _unpacked(packed) if packed else {}
    for path, value in query.items():
        *outer, last = path.split(".")[:4]
        place: Any = event
        for step in outer:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                break
        else:
            place[last] = value
    return event


def _unpacked(packed: str) -> dict[str, Any]:
    text = packed.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        value = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        raise EventRefused("bad_data", "The data of the pixel are not base64 of JSON.") from None
    if not isinstance(value, dict):
        raise EventRefused("bad_data", "The data of the pixel are not a JSON object.")
    return value
