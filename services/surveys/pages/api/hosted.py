"""`/s/{token}`: the page behind a link, open to everybody who has it, and to machines that look at links."""

import asyncio
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.surveys.pages.api.answers import HEADERS, page, refusal_page
from services.surveys.pages.api.limits import VisitLimits
from services.surveys.pages.domain.clicks import Visitor
from services.surveys.pages.errors import BadForm, TooMuchSent, WrongMethod
from services.surveys.pages.schemas.forms import Fields, read_fields, read_form
from services.surveys.pages.schemas.page import FormPage, ThanksPage, form_page, plain_page, thanks_page
from services.surveys.pages.service.visits import Kept, Redirect, Said, Visit
from services.surveys.service import SurveysService
from shared.errors import AppError
from shared.http.problems import from_unexpected

METHODS = ("GET", "HEAD", "POST", "OPTIONS")
MAX_BODY_BYTES = 128 * 1024
BODY_SECONDS = 15.0
_FORM = "application/x-www-form-urlencoded"
# More of a header than this tells nothing.
_MAX_AGENT = 400


class HostedPage:
    """An ASGI endpoint. GET and HEAD show and change no answer, OPTIONS says what there is, POST answers."""

    def __init__(self, surveys: SurveysService, limits: VisitLimits) -> None:
        self._surveys = surveys
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever goes wrong is said on a page."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
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
        token = request.path_params["token"]
        self._limits.take(address_of(request), token)
        if request.method == "POST":
            fields = await _fields(request)
            shown = await self._surveys.pages.reply(token, lambda definition: read_form(definition, fields))
        else:
            shown = await self._surveys.pages.visit(token, _visit(request), visitor_of(request))
        return self._shown(shown)

    def _shown(self, shown: FormPage | ThanksPage | Said | Redirect | Kept) -> Response:
        match shown:
            case FormPage():
                is_wrong = shown.errors or shown.notice is not None
                return page(form_page(shown), status=422 if is_wrong else 200)
            case ThanksPage():
                return page(thanks_page(shown, self._surveys.zone))
            case Said():
                return page(plain_page(shown.kind, shown.locale), status=410 if shown.kind == "closed" else 409)
            case Redirect():
                query = urlencode({"lang": shown.locale, **({} if shown.at is None else {"at": shown.at})})
                return Response(status_code=303, headers={**HEADERS, "Location": f"{shown.token}?{query}"})
            case Kept():
                return Response(status_code=204, headers=dict(HEADERS))


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def visitor_of(request: Request) -> Visitor:
    """What a request says of whoever sent it."""
    return Visitor(
        address=address_of(request),
        agent=request.headers.get("user-agent", "")[:_MAX_AGENT],
        method=request.method,
        has_language=bool(request.headers.get("accept-language")),
    )


def _visit(request: Request) -> Visit:
    query = request.query_params
    return Visit(locale=query.get("lang"), at=query.get("at"), is_edit=query.get("edit") == "1")


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


async def body_of(request: Request) -> bytes:
    """The body, in time and not too large.

    Raises:
        TooMuchSent: it is too large.
        BadForm: it did not come in time.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise TooMuchSent(MAX_BODY_BYTES)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TooMuchSent(MAX_BODY_BYTES)
    except TimeoutError:
        raise BadForm from None
    return bytes(body)
