"""What a person does with a browser: opens pages, and gives a key where the browser itself asks for a name.

A browser keeps what it was given and sends it with whatever any page makes it ask for (CSRF), so what came that way
from a page of somebody else changes nothing.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from shared.errors import Forbidden

# RFC 7617. Browsers read one challenge, and know Bearer not at all.
CHALLENGE = 'Basic realm="tam", charset="UTF-8"'
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# W3C Fetch Metadata: the page that asks is ours, or there is none (an address was typed).
_OURS = frozenset({"same-origin", "none"})


class ForeignPage(Forbidden):
    """A page of another site made the browser of somebody who has a key change something."""

    code, title = "foreign_page", "A page of another site"

    def __init__(self) -> None:
        super().__init__(
            "A browser sent this for a page of another site, with a key that its owner gave to the browser: "
            "send the key as a Bearer token, from a server."
        )


def asks_for_page(request: Request) -> bool:
    """Whether somebody opens an address in a browser, rather than a script or a program asking for data."""
    mode = request.headers.get("sec-fetch-mode", "navigate")
    return request.method == "GET" and mode == "navigate" and "text/html" in request.headers.get("accept", "")


def check_origin(request: Request) -> None:
    """See that what changes something, with a key that a browser may have kept, comes from no foreign page.

    Raises:
        ForeignPage: it does.
    """
    if request.method in READS or not request.headers.get("authorization", "").lower().startswith("basic"):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_ours = site in _OURS
    else:
        # Browsers do not tell the site where there is no TLS.
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise ForeignPage
