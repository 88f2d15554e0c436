"""What leaves under `/s/…`: headers that keep it from caches, frames and referrers, and refusals as pages."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from services.surveys.links.errors import BadLink
from services.surveys.pages.schemas.look import POLICY
from services.surveys.pages.schemas.page import common_page
from services.surveys.pages.schemas.words import Language
from shared.errors import AppError

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_KINDS: Mapping[int, str] = {404: "bad", 405: "method", 413: "large", 429: "busy", 503: "unavailable"}


def page(html: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page."""
    return Response(html, status, {**HEADERS, **(headers or {})}, "text/html; charset=utf-8")


def refusal_page(error: AppError, request: Request) -> Response:
    """A refusal that somebody reads, who may speak Vietnamese or English. It says nothing of any survey."""
    status = BadLink.status if isinstance(error, BadLink) else error.status
    return page(common_page(_KINDS.get(status, "malformed"), reads(request)), status=status, headers=error.headers)


def reads(request: Request) -> Language:
    """The language that somebody reads first, of those that we speak: Vietnamese if they do not say."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        language = part.partition(";")[0].strip().partition("-")[0]
        if language in ("vi", "en"):
            return "vi" if language == "vi" else "en"
    return "vi"
