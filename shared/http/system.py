"""What operators and probes call: `/`, `/healthz`, `/readyz`, `/metrics`, `/docs`, `/openapi.json`. No key needed.

The gateway serves `/docs/platform` and `/openapi/platform.json` in place of a single service's.

`/metrics` wants a token of its own where one is set: a scraper is no caller of the API, and no caller a scraper.
"""

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

import orjson
from fastapi import FastAPI
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from shared.http import whole
from shared.http.browsers import asks_for_page
from shared.http.caller import BadKey, MissingKey, presented
from shared.http.openapi import reference
from shared.http.settings import HttpSettings
from shared.observability.health import Health
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY

log = logger(__name__)

Scrape = tuple[Callable[[Any], Awaitable[None]], Any]
SCRAPE_SECONDS = 5.0
SCRAPE_KEPT_SECONDS = 1.0
# Longer than the pause between two scrapes: a Prometheus that asks regularly waits for no database.
SCRAPE_FRESH_SECONDS = 45.0
_DOCS_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


async def _root(request: Request) -> Response:
    if asks_for_page(request):
        return HTMLResponse(await asyncio.to_thread(whole.front), headers=_DOCS_HEADERS | {"Vary": "Accept"})
    return _json(
        {
            "name": request.app.title,
            "version": request.app.version,
            "docs": "/docs",
            "openapi": "/openapi.json",
            "figures": "/v1/metrics/summary",
            "metrics": "/metrics",
            "ready": "/readyz",
        }
    )


async def _healthz(_: Request) -> Response:
    return _json({"status": "alive"})


class Scraper:
    """Has the gauges refreshed that services compute, and writes all metrics out.

    Who asks again within `fresh_seconds` is told what the last refresh found while the next one runs, so that a scrape
    costs the same however slow the database is; after a longer pause it waits.
    """

    def __init__(
        self, scrapes: Sequence[Scrape], token: str | None = None, *, fresh_seconds: float = SCRAPE_FRESH_SECONDS
    ) -> None:
        self._scrapes = scrapes
        self._token = token
        self._fresh_seconds = fresh_seconds
        self._refreshed_at = -math.inf
        self._refreshing: asyncio.Task[None] | None = None

    async def __call__(self, request: Request) -> Response:
        """Answer a scrape, as Prometheus text or OpenMetrics.

        Raises:
            Unauthorized: it wants a token that was not presented.
        """
        self._check(request.headers.get("authorization"))
        await self._freshen()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        # Tens of milliseconds with many histograms: off the event loop.
        body = await asyncio.to_thread(encode, REGISTRY)
        return Response(body, headers={"Content-Type": content_type})

    async def _freshen(self) -> None:
        """Start a refresh where one is due; wait for it where what is known is old."""
        age = monotonic() - self._refreshed_at
        # Scrapes within a second share one refresh: this address is open, the database behind it is not.
        if age < SCRAPE_KEPT_SECONDS:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh_all())
        if age >= self._fresh_seconds:
            await asyncio.shield(self._refreshing)

    async def _refresh_all(self) -> None:
        await asyncio.gather(*(self._refresh(refresh, value) for refresh, value in self._scrapes))
        self._refreshed_at = monotonic()

    def _check(self, authorization: str | None) -> None:
        if self._token is None:
            return
        if authorization is None:
            raise MissingKey
        if not hmac.compare_digest((presented(authorization) or "").encode(), self._token.encode()):
            raise BadKey("This is not the token of the metrics.")

    async def _refresh(self, refresh: Callable[[Any], Awaitable[None]], value: Any) -> None:
        try:
            async with asyncio.timeout(SCRAPE_SECONDS):
                await refresh(value)
        except Exception as error:  # noqa: BLE001 - one service's trouble must not blind the operator to the others
            log.warning("scrape_failed", service=type(value).__name__, error=type(error).__name__)


def system_routes(app: FastAPI, health: Health, scrapes: Sequence[Scrape], settings: HttpSettings) -> list[BaseRoute]:
    """The routes of the system, to stand beside those of the services."""

    async def readyz(_: Request) -> Response:
        troubles = await health.troubles()
        if not troubles:
            return _json({"status": "ready", "problems": []})
        found = [{"check": each.check, "problem": each.problem} for each in troubles]
        if any(each.is_vital for each in troubles):
            return _json({"status": "not ready", "problems": found}, status=503)
        # What a whole fleet shares must not take the whole fleet out of service while a part of it works.
        return _json({"status": "degraded", "problems": found})

    scraper = Scraper(scrapes, settings.metrics_token)

    async def scrape(request: Request) -> Response:
        return await scraper(request)

    return [
        Route("/", _root),
        Route("/healthz", _healthz),
        Route("/readyz", readyz),
        Route("/metrics", scrape),
        *(_descriptions(app) if settings.docs else ()),
    ]


async def _whole_openapi(_: Request) -> Response:
    return Response(await asyncio.to_thread(whole.contract), media_type="application/json")


async def _whole_docs(_: Request) -> Response:
    return HTMLResponse(await asyncio.to_thread(whole.page), headers=_DOCS_HEADERS)


def _descriptions(app: FastAPI) -> list[BaseRoute]:
    # Written once, which takes seconds, and beside what is answered meanwhile.
    @lru_cache(maxsize=1)
    def contract() -> bytes:
        return orjson.dumps(app.openapi())

    @lru_cache(maxsize=1)
    def page() -> str:
        return reference(app.openapi())

    async def openapi(_: Request) -> Response:
        return Response(await asyncio.to_thread(contract), media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse(await asyncio.to_thread(page), headers=_DOCS_HEADERS)

    return [
        Route("/openapi.json", openapi),
        Route("/docs", docs),
        Route("/openapi/platform.json", _whole_openapi),
        Route("/docs/platform", _whole_docs),
    ]
