"""The OpenAPI of what is open to everybody, written by hand."""

from collections.abc import Mapping
from typing import Any

from services.surveys.links.errors import BadLink
from services.surveys.pages.api.limits import TooManyVisits
from services.surveys.pages.errors import BadForm, BadWidgetCall, TooMuchSent, WidgetOrigin, WrongMethod
from services.surveys.pages.schemas.calls import AnswerCall, OpenCall, TokenCall
from shared.errors import AppError, Unauthorized, Unavailable
from shared.http.caller import WrongKeyKind
from shared.http.edge import NulInUrl
from shared.http.problems import Internal, problems

_TOKEN = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "What a link holds; it is all that somebody has who was asked.",
    "schema": {"type": "string", "maxLength": 300, "pattern": "^[A-Za-z0-9_-]+$"},
}
_PAGE = {"content": {"text/html": {"schema": {"type": "string"}}}}
_SHOWN: Mapping[str, str] = {
    "200": "The page: questions, or thanks.",
    "409": "It is too late for changes; what was answered stays.",
    "410": "The survey is closed.",
    "422": "The page once more: something is missing or wrong, or it was open for too long.",
}
_UNSHOWN: Mapping[str, str] = {
    "400": "What was sent is no form.",
    "404": "The link does not work: forged, cut, unknown and expired ones look the same.",
    "405": "Only GET, HEAD, OPTIONS and POST.",
    "413": "It was too much.",
    "429": "There were too many visits.",
    "500": "Something failed on our side.",
    "503": "Not available right now; nothing was stored.",
}
_STEP = {
    "type": "object",
    "description": "A step to be answered (`questions`), or an end (`thanks`).",
    "required": ["lang", "title", "intro", "words"],
    "properties": {
        "token": {"type": "string"},
        "nonce": {"type": "string"},
        "lang": {"type": "string"},
        "title": {"type": "string"},
        "intro": {"type": "string"},
        "progress": {"type": "string"},
        "last": {"type": "boolean"},
        "questions": {"type": "array", "items": {"type": "object"}},
        "answers": {"type": "object"},
        "thanks": {"type": "string"},
        "words": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_REFUSALS: tuple[type[AppError], ...] = (
    *(NulInUrl, BadForm, BadWidgetCall, Unauthorized, WrongKeyKind, WidgetOrigin, WrongMethod),
    *(TooMuchSent, TooManyVisits, Internal, Unavailable),
)


def _pages(*statuses: str) -> dict[str, Any]:
    said = {**_SHOWN, **_UNSHOWN}
    return {status: {"description": said[status], **_PAGE} for status in statuses}


def _call(name: str, summary: str, body: type[Any], success: dict[str, Any], *errors: type[AppError]) -> dict[str, Any]:
    refused = {str(status): said for status, said in problems(*_REFUSALS, *errors).items()}
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        "post": {
            "tags": ["widget"],
            "operationId": f"widget_{name}",
            "summary": summary,
            "security": [{}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {**success, **refused},
        }
    }


_NOTHING = {"204": {"description": "Noted."}}
_NEXT = {"200": {"description": "What to show now.", "content": {"application/json": {"schema": _STEP}}}}
_WRONG = {
    "422": {
        "description": "Nothing was taken: what is wrong, in words, by the id of the question.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["errors"],
                    "properties": {"errors": {"type": "object", "additionalProperties": {"type": "string"}}},
                }
            }
        },
    }
}

OPENAPI: Mapping[str, Any] = {
    "/s/{token}": {
        "get": {
            "tags": ["pages"],
            "operationId": "page_visit",
            "summary": "Get the page of a survey. It changes no answer; a link that means a score notes an intent.",
            "security": [{}],
            "parameters": [_TOKEN],
            "responses": _pages("200", "400", "404", "405", "409", "410", "429", "500", "503"),
        },
        "post": {
            "tags": ["pages"],
            "operationId": "page_reply",
            "summary": "Answer by the form of a page that was shown before.",
            "security": [{}],
            "parameters": [_TOKEN],
            "requestBody": {
                "required": True,
                "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
            },
            "responses": {
                "204": {"description": "Taken by itself, after a person touched the page."},
                "303": {"description": "Stored; the address says where to go on."},
                **_pages(*_SHOWN, *_UNSHOWN),
            },
        },
    },
    "/s/widget.js": {
        "get": {
            "tags": ["widget"],
            "operationId": "widget_script",
            "summary": "Get the script of the widget, for one tag in a shop's page.",
            "security": [{}],
            "responses": {
                "200": {"description": "The script.", "content": {"text/javascript": {"schema": {"type": "string"}}}},
                "304": {"description": "It has not changed."},
                **{str(status): said for status, said in problems(NulInUrl, WrongMethod, Internal).items()},
            },
        }
    },
    "/s/widget/open": _call(
        "open",
        "Ask whether somebody has an invitation to be shown in the widget.",
        OpenCall,
        {**_NEXT, "204": {"description": "They have none."}},
    ),
    "/s/widget/shown": _call("shown", "Say that it was shown: it is delivered.", TokenCall, _NOTHING, BadLink),
    "/s/widget/close": _call("close", "Say that it was closed: it is not shown again.", TokenCall, _NOTHING, BadLink),
    "/s/widget/answer": _call(
        "answer", "Answer the questions that are shown.", AnswerCall, {**_NEXT, **_WRONG}, BadLink
    ),
}
