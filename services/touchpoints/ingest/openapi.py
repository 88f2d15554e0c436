"""The OpenAPI of the raw routes, written by hand; `tests/unit/touchpoints/test_ingest_openapi.py` holds it to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from services.touchpoints.domain.calls import MAX_MESSAGE_ID
from services.touchpoints.domain.commerce import MAX_ID
from services.touchpoints.errors import (
    AllRefused,
    BadGzip,
    BodyTooSlow,
    EventRefused,
    LogUnavailable,
    NoBatch,
    NotJson,
    OriginNotAllowed,
    Overloaded,
    TooManyEvents,
    TooManyValues,
    UnknownEncoding,
    UnknownWriteKey,
    WrongMethod,
)
from services.touchpoints.ingest.api import CALLS, MAX_EVENTS
from services.touchpoints.ingest.schemas import NativeEvent
from shared.errors import AppError, TooManyRequests, Unauthorized
from shared.http.auth import BASIC, BEARER
from shared.http.caller import MissingScope
from shared.http.edge import NulInUrl
from shared.http.idempotency import BadIdempotencyKey
from shared.http.problems import BodyTooLarge, Internal, problems

_EVERYWHERE: tuple[type[AppError], ...] = (NulInUrl, Unauthorized, WrongMethod, Internal)
_READING: tuple[type[AppError], ...] = (
    *(NotJson, BadGzip, UnknownEncoding, OriginNotAllowed, MissingScope),
    *(BodyTooLarge, TooManyValues, TooManyRequests, LogUnavailable, BodyTooSlow, Overloaded),
)
# In the header, or as `writeKey` in the query or the body: to OpenAPI that is also no key.
_SECURITY = [{BASIC: []}, {BEARER: ["touchpoints:write"]}, {}]

# The edge forgives more than is said here: numbers as ids, a `type` in capitals.
_NAME = {"type": "string", "maxLength": MAX_ID, "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}
_ID = {**_NAME, "description": "Text; space around it is not part of it."}
_OBJECT = {"type": "object", "additionalProperties": True}
# SDKs write null for what is absent, PHP an empty list for an empty object.
_PROPERTIES = {"type": ["object", "null", "array"], "additionalProperties": True, "maxItems": 0}
_TIME = {
    "type": ["string", "null"],
    "format": "date-time",
    "pattern": r"^(199\d|20\d\d|21\d\d)-[^zZ+]+(Z|[+-]\d\d:\d\d)$",
    "description": "ISO 8601 with an offset, from 1990 on.",
}


_CALL: dict[str, Any] = {
    "messageId": {"type": ["string", "null"], "maxLength": MAX_MESSAGE_ID, "pattern": r"^[^\x00]*$"},
    "userId": _ID,
    "anonymousId": _ID,
    "timestamp": _TIME,
    "originalTimestamp": _TIME,
    "sentAt": {"description": "When the device sent it; what is no time counts as absent."},
    "context": _PROPERTIES,
    "integrations": {"description": "Not read."},
    "writeKey": {"description": "Where no header can be set."},
}
_OWN: Mapping[str, dict[str, Any]] = {
    "track": {"event": _NAME, "properties": _PROPERTIES},
    "identify": {"traits": _PROPERTIES},
    "page": {"name": {**_NAME, "type": ["string", "null"]}, "properties": _PROPERTIES},
    "screen": {"name": {**_NAME, "type": ["string", "null"]}, "properties": _PROPERTIES},
    "group": {"groupId": _ID, "traits": _PROPERTIES},
    "alias": {"previousId": _ID},
}
_REQUIRED: Mapping[str, list[str]] = {"track": ["event"], "group": ["groupId"], "alias": ["userId", "previousId"]}

_CODES = (
    "Who: `no_user_anon_id`, `bad_user_id`, `user_id_too_long`, `no_user_id`, `no_previous_id`, `no_group_id`. "
    "What: `not_an_object`, `unknown_type`, `no_event`, `bad_properties`, `bad_traits`, `bad_context`, "
    "`message_id_too_long`, `event_too_large`, `nul_character`, `not_storable`. "
    "When: `bad_time`, `naive_time`, `impossible_time`. "
    "Money: `impossible_amount`, `unknown_currency`, `no_currency`, `no_order_id`, `order_id_too_long`. "
    "Typed endpoint: `unknown_field`, `missing_field`, `bad_field`. "
    "Other ids likewise: `bad_<field>`, `<field>_too_long`."
)
_VERDICT = {
    "type": "object",
    "required": ["index", "messageId", "code", "message"],
    "properties": {
        "index": {"type": "integer", "description": "Which event of the request, from 0."},
        "messageId": {"type": ["string", "null"]},
        "code": {"type": "string", "description": _CODES, "examples": ["naive_time", "impossible_amount"]},
        "message": {"type": "string"},
    },
}
_VERDICTS = {
    "type": "object",
    "required": ["success", "accepted", "duplicates", "rejected"],
    "properties": {
        "success": {"const": True},
        "accepted": {"type": "integer", "description": "How many are stored and will be recorded."},
        "duplicates": {"type": "integer", "description": "How many stood twice in this request."},
        "rejected": {"type": "array", "items": _VERDICT, "description": "Those in the quarantine, with the reason."},
        "warnings": {"type": "array", "items": _VERDICT, "description": "Accepted, but no figure will count them."},
    },
}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _answers(success: dict[str, Any], *errors: type[AppError]) -> dict[str, Any]:
    found = problems(*_EVERYWHERE, *errors)
    return {"200": success, **{str(status): answer for status, answer in found.items()}}


def _taking(
    name: str, summary: str, body: Mapping[str, Any], *errors: type[AppError], parameters: Sequence[Any] = ()
) -> dict[str, Any]:
    stored = {"description": "All of it is stored: the accepted for the recorder, the rejected for the quarantine."}
    return {
        "post": {
            "tags": ["ingest"],
            "operationId": f"ingest_{name}",
            "summary": summary,
            "security": _SECURITY,
            "parameters": list(parameters),
            "requestBody": {"required": True, **_json(body)},
            "responses": _answers({**stored, **_json(_VERDICTS)}, *_READING, *errors),
        }
    }


def _single(call: str, letter: str) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": _REQUIRED.get(call, []),
        "properties": {**_CALL, **_OWN[call]},
        "anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}],
    }
    return {
        f"/v1/{path}": _taking(
            f"{call}{suffix}", f"Take one {call} call, as Segment's SDKs send it.", body, EventRefused
        )
        for path, suffix in ((call, ""), (letter, "_short"))
    }


def _batch(name: str, summary: str, *parameters: Any) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["batch"],
        "properties": {
            "batch": {"type": "array", "maxItems": MAX_EVENTS, "items": {"description": "A call with its `type`."}},
            "sentAt": {"description": "When the device sent it; what is no time counts as absent."},
            "context": {"description": "Stands under that of each call."},
            "writeKey": {"description": "Where no header can be set."},
        },
    }
    return _taking(name, summary, body, NoBatch, TooManyEvents, parameters=parameters)


def _get(
    name: str, summary: str, success: dict[str, Any], *errors: type[AppError], parameters: Sequence[Any]
) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["ingest"],
            "operationId": f"ingest_{name}",
            "summary": summary,
            "security": _SECURITY,
            "parameters": list(parameters),
            "responses": _answers(success, *errors),
        }
    }


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A JSON Schema without `$defs`: OpenAPI would look for them elsewhere."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    dropped = ("$defs", "discriminator")
    return {key: _inlined(value, definitions) for key, value in schema.items() if key not in dropped}


def _native() -> dict[str, Any]:
    event = TypeAdapter(NativeEvent).json_schema()
    body = {
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {
                "type": "array",
                "maxItems": MAX_EVENTS,
                "items": _inlined(event, event.get("$defs", {})),
            },
            "writeKey": {"description": "Where no header can be set."},
        },
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"},
        "description": "Events without a message_id get one made from this and their place.",
    }
    summary = "Take typed events: unknown fields and times without an offset are refused."
    return _taking("events", summary, body, NoBatch, TooManyEvents, AllRefused, BadIdempotencyKey, parameters=(key,))


_QUERY_KEY = {"name": "writeKey", "in": "query", "schema": {"type": "string"}, "required": False}
_PATH_KEY = {"name": "write_key", "in": "path", "schema": {"type": "string"}, "required": True}
_PIXEL_QUERY = (
    _QUERY_KEY,
    {"name": "data", "in": "query", "schema": {"type": "string"}, "description": "base64 of the call as JSON."},
    *({"name": name, "in": "query", "schema": {"type": "string"}} for name in ("event", "userId", "anonymousId")),
)
_JSON_OBJECT = {"description": "As the SDK wants it.", **_json(_OBJECT)}


def _pixel(call: str) -> dict[str, Any]:
    image = {"content": {"image/gif": {"schema": {"type": "string", "contentMediaType": "image/gif"}}}}
    operation = _get(
        f"pixel_{call}",
        f"Take one {call} call from a mail or a page without scripts; always a GIF.",
        {"description": "Stored.", **image},
        *(EventRefused, MissingScope, OriginNotAllowed, BodyTooLarge, TooManyRequests, LogUnavailable),
        parameters=_PIXEL_QUERY,
    )
    for status, answer in operation["get"]["responses"].items():
        if status != "200":
            # A refusal by the edge, before the pixel is asked, is a problem as everywhere.
            answer["content"] = {**answer["content"], **image["content"]}
    return operation


OPENAPI: dict[str, Any] = {
    "/v1/batch": _batch("batch", "Take a batch of calls, as the SDKs send them; a verdict per refused one."),
    "/v1/b": _batch("batch_short", "The same, as analytics-next sends it."),
    "/v1/import": _batch("import", "Take a batch of history: its times are never corrected."),
    "/beacon/v1/batch": _batch("beacon", "The same as /v1/batch, from navigator.sendBeacon.", _QUERY_KEY),
    **{path: item for call, letter in CALLS.items() for path, item in _single(call, letter).items()},
    "/v1/events": _native(),
    "/v1/m": {
        "post": {
            "tags": ["ingest"],
            "operationId": "ingest_sdk_metrics",
            "summary": "Take analytics-next's counters about itself, and forget them.",
            "requestBody": {"required": False, **_json({})},
            "responses": {
                "200": {"description": "Ignored.", **_json(_OBJECT)},
                **{str(status): answer for status, answer in problems(NulInUrl, WrongMethod, Internal).items()},
            },
        }
    },
    "/v1/projects/{write_key}/settings": _get(
        "sdk_settings",
        "Tell analytics-next where to send.",
        _JSON_OBJECT,
        *(UnknownWriteKey, OriginNotAllowed, LogUnavailable),
        parameters=(_PATH_KEY,),
    ),
    "/sourceConfig": _get(
        "source_config",
        "Tell rudder-js what to do.",
        _JSON_OBJECT,
        *(OriginNotAllowed, MissingScope, BodyTooLarge, LogUnavailable),
        parameters=(_QUERY_KEY,),
    ),
    "/pixel/v1/track": _pixel("track"),
    "/pixel/v1/page": _pixel("page"),
}
