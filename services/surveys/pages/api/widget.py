"""`/s/widget…`: the script, and what it asks. A write key says for which shop, and from which pages, as for events."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.surveys.pages.api.hosted import address_of, body_of
from services.surveys.pages.api.limits import VisitLimits
from services.surveys.pages.errors import BadWidgetCall, WidgetOrigin, WrongMethod
from services.surveys.pages.schemas.calls import AnswerCall, OpenCall, TokenCall
from services.surveys.pages.schemas.page import FormPage, ThanksPage
from services.surveys.pages.schemas.widget import closed_json, errors_json, step_json, thanks_json, widget_script
from services.surveys.pages.service.widget import Sent
from services.surveys.service import SurveysService
from shared.errors import AppError
from shared.http.auth import KeyRing
from shared.http.caller import WrongKeyKind
from shared.http.problems import from_unexpected, problem, request_id_of

_SCRIPT_LIVES = "public, max-age=3600"
_PREFLIGHT_SECONDS = "7200"

C = TypeVar("C", OpenCall, TokenCall, AnswerCall)
Answer = tuple[int, dict[str, Any] | None]


async def script(request: Request) -> Response:
    """The widget's script, to be kept for an hour; afterwards its tag says whether it changed."""
    found = widget_script()
    headers = {
        "Cache-Control": _SCRIPT_LIVES,
        "ETag": found.tag,
        "Vary": "Accept-Encoding",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
    }
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if is_packed else found.body, headers=headers, media_type="text/javascript")


class WidgetCall:
    """An ASGI endpoint of one call of the widget; every answer can be read by the page that asked."""

    def __init__(self, limits: VisitLimits, handle: Callable[[Request, bytes], Coroutine[Any, Any, Answer]]) -> None:
        self._limits = limits
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; refusals are problems."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except AppError as error:
            response = problem(error, request_id=request_id_of(request))
        except (OSError, TimeoutError) as error:
            response = problem(from_unexpected(error), request_id=request_id_of(request))
        for name, value in _cors(request).items():
            response.headers[name] = value
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": "POST, OPTIONS"})
        if request.method != "POST":
            raise WrongMethod("POST", "OPTIONS")
        self._limits.take(address_of(request))
        status, said = await self._handle(request, await body_of(request))
        if said is None:
            return Response(status_code=status)
        return Response(orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")


def _cors(request: Request) -> dict[str, str]:
    """Which pages may read the answer: all; whether the key is for them is decided on the request itself."""
    headers = {"Cache-Control": "no-store", "Vary": "Origin", "Referrer-Policy": "no-referrer"}
    if (origin := request.headers.get("origin")) is not None:
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
        if request.method == "OPTIONS":
            headers |= {
                "Access-Control-Allow-Methods": "POST, OPTIONS",
                "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            }
    return headers


class WidgetCalls:
    """What each address does."""

    def __init__(self, surveys: SurveysService) -> None:
        self._surveys = surveys
        self.by_name = {"open": self.open, "shown": self.shown, "close": self.close, "answer": self.answer}

    async def open(self, request: Request, body: bytes) -> Answer:
        """The first step of what somebody is to be shown; nothing (204) where there is nothing."""
        call = await _read(OpenCall, request, body)
        if call.userId is None and call.anonymousId is None:
            raise BadWidgetCall("Say who is there: userId or anonymousId.")
        page = await self._surveys.widget.open(call.userId, call.anonymousId, call.lang)
        return (204, None) if page is None else (200, step_json(page))

    async def shown(self, request: Request, body: bytes) -> Answer:
        """It was shown."""
        await self._surveys.widget.note_shown((await _read(TokenCall, request, body)).token)
        return 204, None

    async def close(self, request: Request, body: bytes) -> Answer:
        """It was closed."""
        await self._surveys.widget.close((await _read(TokenCall, request, body)).token)
        return 204, None

    async def answer(self, request: Request, body: bytes) -> Answer:
        """It was answered, in part or whole."""
        call = await _read(AnswerCall, request, body)
        sent = Sent(call.answers, tuple(call.shown), call.nonce, call.lang)
        shown = await self._surveys.widget.answer(call.token, sent)
        if isinstance(shown, ThanksPage):
            return 200, thanks_json(shown)
        if not isinstance(shown, FormPage):
            return 200, closed_json(shown.kind, shown.locale)
        return (422, errors_json(shown.errors, shown.locale)) if shown.errors else (200, step_json(shown))


async def _read(kind: type[C], request: Request, body: bytes) -> C:
    """A call of a shop that may make it.

    Raises:
        BadWidgetCall: the widget says no such thing.
        Unauthorized, WrongKeyKind, WidgetOrigin: the key is none, of another kind, or not for this page.
    """
    call = _parse(kind, body)
    keyring: KeyRing = request.app.state.keyring
    caller = await keyring.authenticate(call.writeKey)
    if caller.kind != "write":
        raise WrongKeyKind
    origin = request.headers.get("origin")
    if caller.origins and origin is not None and not caller.is_welcome_from(origin):
        raise WidgetOrigin
    return call


def _parse(kind: type[C], body: bytes) -> C:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))[:60]
        raise BadWidgetCall(f"The call is not valid: {place or 'body'}: {first['msg']}.") from None
