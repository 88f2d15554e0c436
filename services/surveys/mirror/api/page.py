"""`/s/m/{token}`: where staff answers, open to everybody who has the link. Only a POST answers."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from services.surveys.mirror.errors import BadMirrorAnswer, BadMirrorLink, WaveClosed
from services.surveys.mirror.schemas.page import (
    MirrorForm,
    mirror_page,
    prediction_in,
    scores_in,
    sent_page,
    used_page,
)
from services.surveys.mirror.schemas.wire import MAX_TOKEN
from services.surveys.mirror.service.answering import Form
from services.surveys.pages.api.answers import HEADERS, page, reads, refusal_page
from services.surveys.pages.api.hosted import METHODS, address_of, body_of
from services.surveys.pages.api.limits import VisitLimits
from services.surveys.pages.errors import BadForm, WrongMethod
from services.surveys.pages.schemas.forms import Fields, read_fields, read_form
from services.surveys.pages.schemas.page import common_page
from services.surveys.service import SurveysService
from shared.errors import AppError
from shared.http.problems import from_unexpected

_FORM = "application/x-www-form-urlencoded"
_MAX_SHEET = 64


class MirrorPage:
    """An ASGI endpoint. GET and HEAD show, POST answers; a one-time link shows and takes nothing after that."""

    def __init__(self, surveys: SurveysService) -> None:
        self._surveys = surveys
        self._limits = VisitLimits(surveys.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever goes wrong is said on a page."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except WaveClosed:
            response = page(common_page("closed", reads(request)), status=HTTPStatus.GONE)
        except BadMirrorLink:
            response = page(used_page(reads(request)), status=HTTPStatus.NOT_FOUND)
        except AppError as error:
            response = refusal_page(error, request)
        except (OSError, TimeoutError) as error:
            response = refusal_page(from_unexpected(error), request)
        if request.method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**HEADERS, "Allow": ", ".join(METHODS)})
        if request.method not in METHODS:
            raise WrongMethod(*METHODS)
        token = request.path_params["token"][:MAX_TOKEN]
        self._limits.take(address_of(request), token)
        fields = await _fields(request) if request.method == "POST" else {}
        form = await self._surveys.mirror_answering.form(token)
        locale = form.definition.locale_for(_one(fields, "lang") or request.query_params.get("lang"), reads(request))
        if request.method != "POST":
            return page(mirror_page(_shown(form, locale, token, sheet=secrets.token_urlsafe(16))))
        return await self._take(form, locale, token, fields)

    async def _take(self, form: Form, locale: str, token: str, fields: Fields) -> Response:
        answers, role, predicted = read_form(form.definition, fields).answers, _one(fields, "role"), "predicted_nps"
        said, sheet = _one(fields, predicted), _one(fields, "sheet")[:_MAX_SHEET]
        try:
            await self._surveys.mirror_answering.answer(
                token, scores_in(answers), role=role or None, predicted_nps=prediction_in(said), sheet=sheet
            )
        except BadMirrorAnswer as error:
            again = _shown(
                form,
                locale,
                token,
                answers=answers,
                said_role=role,
                predicted=said,
                wrong=error.data["what"],
                sheet=sheet,
            )
            return page(mirror_page(again), status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return page(sent_page(locale))


async def _fields(request: Request) -> Fields:
    """The fields of a form.

    Raises:
        TooMuchSent, BadForm: as they say.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise BadForm
    try:
        return read_fields(await body_of(request))
    except ValueError:
        raise BadForm from None


def _shown(form: Form, locale: str, token: str, **said: Any) -> MirrorForm:
    return MirrorForm(form.wave, form.definition, form.items, form.role, locale, token, **said)


def _one(fields: Fields, name: str) -> str:
    found = fields.get(name)
    return found[-1] if found else ""


def mirror_routes(surveys: SurveysService) -> tuple[BaseRoute, ...]:
    """The address that is open to everybody: a link is all that somebody of the staff has."""
    return (Route("/s/m/{token}", MirrorPage(surveys)),)


_TOKEN = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "The secret of a link of a mirror wave.",
    "schema": {"type": "string", "maxLength": MAX_TOKEN, "pattern": "^[A-Za-z0-9_-]+$"},
}
_ANSWERS: Mapping[str, str] = {
    "200": "The page: questions, or thanks.",
    "400": "What was sent is no form.",
    "404": "The link is not known, or was used already.",
    "405": "Only GET, HEAD, OPTIONS and POST.",
    "410": "The wave is closed.",
    "413": "It was too much.",
    "422": "The page once more: something is missing or wrong.",
    "429": "There were too many visits.",
    "500": "Something failed on our side.",
    "503": "Not available right now; nothing was stored.",
}


def _operation(name: str, summary: str, *statuses: str, **more: Any) -> dict[str, Any]:
    html = {"content": {"text/html": {"schema": {"type": "string"}}}}
    return {
        "tags": ["pages"],
        "operationId": name,
        "summary": summary,
        "security": [{}],
        "parameters": [_TOKEN],
        **more,
        "responses": {status: {"description": _ANSWERS[status], **html} for status in statuses},
    }


OPENAPI: Mapping[str, Any] = {
    "/s/m/{token}": {
        "get": _operation(
            "mirror_visit",
            "Get the page on which staff answers in their customers' place.",
            *("200", "400", "404", "405", "410", "429", "500", "503"),
        ),
        "post": _operation(
            "mirror_reply",
            "Answer by the form of that page; a one-time link takes one answer.",
            *_ANSWERS,
            requestBody={"required": True, "content": {_FORM: {"schema": {"type": "object"}}}},
        ),
    }
}
