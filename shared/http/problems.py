"""RFC 9457 problems: every refusal leaves as `application/problem+json`, with a stable `code`, a sentence, and data.

`message` repeats `detail`: tracking SDKs read `code` and `message`. No answer holds what the client sent, a traceback,
or a driver's words. `instance` is the id of the request, the one in the logs and in `X-Request-Id`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from http.client import responses
from typing import Any
from uuid import UUID

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.delivery.passing import is_passing
from shared.errors import (
    AppError,
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
)

MEDIA_TYPE = "application/problem+json"
# Where the edge leaves the id of a request in its scope.
REQUEST_ID = "tam.request_id"
SCHEMA_REF = "#/components/schemas/Problem"
MAX_ERRORS = 50
_MAX_POINTER = 200
_MAX_MESSAGE = 300
# PostgreSQL: a character that no text column can hold.
_UNSTORABLE_SQLSTATES = ("22021", "22P05")


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="`body`, `query`, `path`, `header` or `cookie`.")
    pointer: str = Field(description="JSON Pointer into the body, or the name of the parameter.")
    message: str
    type: str


class Problem(BaseModel):
    """An RFC 9457 problem; an error's own data stand beside these members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI reference that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
    instance: str = Field(description="The request, as `urn:uuid:…`; the same id is in the header X-Request-Id.")
    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="The same as `detail`.")
    errors: list[FieldProblem] | None = Field(None, description="What is wrong, field by field.")


class Internal(AppError):
    """We failed; the log says how."""

    def __init__(self) -> None:
        super().__init__("Something failed on our side; it was logged under this request's id.")


class MalformedJson(BadRequest):
    """The body is not the JSON it says it is."""

    code, title = "malformed_json", "Malformed JSON"

    def __init__(self) -> None:
        super().__init__("The body is not valid JSON in UTF-8.")


class NotJson(Unsupported):
    """The body came as something else than JSON."""

    code = "not_json"

    def __init__(self) -> None:
        super().__init__("Send JSON, with Content-Type: application/json and no Content-Encoding.")


class BodyTooLarge(TooLarge):
    """The body is over the limit."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes.", limit_bytes=limit_bytes)


class BodyRefused(HTTPException):
    """Carries a refusal out of the reading of a body, through code that turns other exceptions into 400."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(refusal.status, refusal.detail)
        self.refusal = refusal


class _Routed(AppError):
    """What the router itself answers: 404, 405 and the like."""

    def __init__(self, status: int, headers: Mapping[str, str] | None) -> None:
        phrase = responses.get(status, "Error")
        details = {404: "There is nothing at this address.", 405: "The address exists, but not for this method."}
        super().__init__(details.get(status, f"{phrase}."))
        self.routed_status = status
        self.routed_code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
        self.routed_title = phrase.capitalize()
        self.headers = dict(headers or {})


def problem(error: AppError, *, request_id: str | None = None) -> Response:
    """The answer that says what is wrong."""
    status, code, title = error.status, error.code, error.title
    if isinstance(error, _Routed):
        status, code, title = error.routed_status, error.routed_code, error.routed_title
    document = {
        **error.data,
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": error.detail,
        "instance": f"urn:uuid:{request_id}" if request_id else None,
        "code": code,
        "message": error.detail,
    }
    if document["instance"] is None:
        del document["instance"]
    body = orjson.dumps(document, default=_plain)
    return Response(body, status_code=status, headers=error.headers, media_type=MEDIA_TYPE)


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, Decimal | UUID):
        # orjson knows uuid.UUID, but not the subclass that asyncpg gives.
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for `responses=`: one entry per status, naming the codes."""
    found: dict[int, list[type[AppError]]] = {}
    for error in errors:
        found.setdefault(error.status, []).append(error)
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{error.code}`" for error in same),
            "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA_REF}}},
        }
        for status, same in found.items()
    }


# What every route may answer.
EVERYWHERE = problems(
    MalformedJson, Unauthorized, Forbidden, BodyTooLarge, NotJson, Invalid, TooManyRequests, Internal, Unavailable
)


def from_validation(error: RequestValidationError) -> AppError:
    """The problem of a request that does not fit its schema, without the values that were sent."""
    if isinstance(error.body, bytes) and error.body:
        # FastAPI leaves a body alone that does not say it is JSON.
        return NotJson()
    found: Sequence[Mapping[str, Any]] = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return MalformedJson()
    errors = [
        {
            "where": str(each["loc"][0]) if each["loc"] else "body",
            "pointer": _pointer(each["loc"]),
            "message": _message(each),
            "type": str(each["type"]),
        }
        for each in found[:MAX_ERRORS]
    ]
    first = errors[0]
    place = first["pointer"] or first["where"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Invalid(f"The request is not valid: {place}: {first['message']}{more}.", errors=errors)


def _pointer(loc: Sequence[int | str]) -> str:
    where, *path = loc or ("body",)
    if where != "body":
        return ".".join(map(str, path))[:_MAX_POINTER]
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)[:_MAX_POINTER]


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "union_tag_invalid":
        # The only message of pydantic that quotes a whole value.
        return f"Input should be one of {error['ctx']['expected_tags']}"
    return str(error["msg"]).removeprefix("Value error, ")[:_MAX_MESSAGE]


def from_http(error: HTTPException) -> AppError:
    """The problem of an exception that Starlette or FastAPI raised."""
    if isinstance(error, BodyRefused):
        return error.refusal
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI could not decode the body: not UTF-8, or nested beyond Python's stack.
        return MalformedJson()
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("There is nothing at this address.")
    return _Routed(error.status_code, error.headers)


def from_unexpected(error: Exception) -> AppError:
    """The problem of what nobody foresaw: an outage below us is 503, anything else 500."""
    if isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", "")) in _UNSTORABLE_SQLSTATES:
        return Invalid("A text in the request contains a character that cannot be stored.")
    is_network = isinstance(error, ConnectionError | TimeoutError) or not isinstance(error, OSError)
    if is_passing(error) and is_network:
        return Unavailable("A part we need does not answer; send the same again in a moment.")
    return Internal()


def request_id_of(request: Request) -> str | None:
    """The id the edge gave this request."""
    found: str | None = request.scope.get(REQUEST_ID)
    return found
