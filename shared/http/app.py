"""The application: the routers of the services that this process serves, behind one edge.

The order of the parts, from outside in: who called (`forwarded`, behind proxies), metrics, trace and limits (`edge`),
the short way (`dispatch`), errors to problems (`problems`), raw routes, system routes, the services' routers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from shared.bus.base import Bus
from shared.db.engine import Database
from shared.delivery.subscription import Subscription
from shared.errors import AppError
from shared.http import audit as audits
from shared.http import ops
from shared.http.auth import Authenticator, KeyRing
from shared.http.dispatch import Dispatch
from shared.http.edge import Edge
from shared.http.forwarded import Forwarded
from shared.http.limits import TokenBuckets
from shared.http.oidc import TokenVerifier
from shared.http.openapi import document, operation_id
from shared.http.problems import EVERYWHERE, from_http, from_validation, problem, request_id_of
from shared.http.raw import RawRoutes
from shared.http.settings import HttpSettings
from shared.http.system import Scrape, system_routes
from shared.observability.health import Health
from shared.rights.audit import AuditLog

_DESCRIPTION = (
    "Errors are RFC 9457 problems with a stable `code`. Lists are paged by opaque cursors. "
    "Times are RFC 3339 with an offset."
)


class Manifest(Protocol):
    """What the edge needs to know of a service."""

    @property
    def name(self) -> str: ...
    @property
    def routers(self) -> Sequence[APIRouter]: ...
    @property
    def raw_routes(self) -> Callable[[Any], Sequence[BaseRoute]] | None: ...
    @property
    def raw_openapi(self) -> Mapping[str, Any]: ...
    @property
    def subscriptions(self) -> Sequence[Subscription]: ...


def make_app(
    *,
    title: str,
    version: str,
    manifests: Sequence[Manifest],
    services: Mapping[str, Any],
    databases: Mapping[str, Database],
    keyring: KeyRing,
    health: Health,
    audit: AuditLog | None = None,
    bus: Bus | None = None,
    scrapes: Sequence[Scrape] = (),
    tokens: TokenVerifier | None = None,
    settings: HttpSettings | None = None,
) -> FastAPI:
    """Build the application of one process.

    `services` are the built values by name, `databases` those whose dead letters and consumers `/v1/ops` shows (with
    `bus`, their lag too), `audit` is told who saw whom, `scrapes` what refreshes gauges, with its argument.
    """
    settings = settings or HttpSettings()
    behind = [Middleware(Forwarded, proxies=settings.proxies)] if settings.proxies else []
    app = FastAPI(
        title=title,
        version=version,
        description=_DESCRIPTION,
        openapi_url=None,
        # Tracking SDKs take a redirect for a delivery: what is not exactly right is 404.
        redirect_slashes=False,
        middleware=[*behind, Middleware(Edge, settings=settings), Middleware(Dispatch)],
        exception_handlers={
            AppError: _refused,
            RequestValidationError: _invalid,
            HTTPException: _routed,
        },
        generate_unique_id_function=operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    limits = TokenBuckets(rate=settings.rate_per_second, burst=settings.rate_burst)
    app.state.services = services
    app.state.authenticator = Authenticator(keyring, limits, tokens)
    app.state.keyring = keyring
    app.state.audit = audit
    app.state.ops = ops.Ops(databases, [each for manifest in manifests for each in manifest.subscriptions], bus)
    raws = {each.name: each.raw_routes(services[each.name]) for each in manifests if each.raw_routes}
    raw = [route for routes in raws.values() for route in routes]
    app.state.owners = {
        each.path: name for name, routes in _routes(manifests, raws).items() for each in iter_route_contexts(routes)
    }
    # First of all: the router tries routes in order, and these are the hot ones.
    app.router.routes.append(RawRoutes([*raw, *system_routes(app, health, scrapes, settings)]))
    for router in (
        *(router for manifest in manifests for router in manifest.routers),
        ops.router,
        *((audits.router,) if audit else ()),
    ):
        app.include_router(router, responses=EVERYWHERE)
    _document_once(app, manifests)
    return app


def _routes(manifests: Sequence[Manifest], raws: Mapping[str, Sequence[BaseRoute]]) -> Mapping[str, list[BaseRoute]]:
    """The routes of each service."""
    return {
        each.name: [*raws.get(each.name, ()), *(route for router in each.routers for route in router.routes)]
        for each in manifests
    }


def _document_once(app: FastAPI, manifests: Sequence[Manifest]) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, manifests)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return problem(error, request_id=request_id_of(request))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem(from_validation(error), request_id=request_id_of(request))


async def _routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = from_http(error)
    if error.status_code == 405:
        refusal.headers = {**refusal.headers, "Allow": ", ".join(_allowed(request))}
    return problem(refusal, request_id=request_id_of(request))


def _allowed(request: Request) -> list[str]:
    """Every method of the address: two routes may share one, and Starlette names only the first's."""
    methods = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return [method for method in methods if _answers(request, method)]


def _answers(request: Request, method: str) -> bool:
    kept = ("type", "path", "root_path", "headers")
    for route in request.app.router.routes:
        scope: Scope = {**{key: request.scope[key] for key in kept if key in request.scope}, "method": method}
        if route.matches(scope)[0] is Match.FULL:
            return True
    return False
