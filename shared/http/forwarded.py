"""Who called, behind proxies: limits and throttles count by it, so nobody may choose it.

Each proxy adds the address it was called from to the end of `X-Forwarded-For`; what stands before that is whatever a
client wrote there. So the caller stands as many places from the end as there are proxies, wherever those run.
"""

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

_HEADER = b"x-forwarded-for"


class Forwarded:
    """Puts the caller's address where the proxy's is, for an application behind so many proxies."""

    def __init__(self, app: ASGIApp, proxies: int) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; without a header that a proxy can have written, whoever connected is the caller."""
        if scope["type"] == "http":
            address = caller(scope["headers"], self._proxies)
            if address is not None:
                scope["client"] = (address, 0)
        await self._app(scope, receive, send)


def caller(headers: Iterable[tuple[bytes, bytes]], proxies: int) -> str | None:
    """The address that the outermost of so many proxies was called from; None: there is none to be believed.

    Where a request came by fewer proxies, the first that there was has written the first address.
    """
    if proxies < 1:
        return None
    told = [part for name, value in headers if name == _HEADER for part in value.decode("latin-1").split(",")]
    return _address(told[max(0, len(told) - proxies)]) if told else None


def _address(text: str) -> str | None:
    """An address as proxies write it, `[2001:db8::1]:4711` and `192.0.2.1:4711` too; None where it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
