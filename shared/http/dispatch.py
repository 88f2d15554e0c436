"""The short way from a request to its route: a look-up where the routers of all services would be tried in turn.

It knows, by method and path, what they would find, and gives everything else (404, 405, routes of no fixed length)
to the long way: FastAPI's own, whose answers are then the same by construction. `tests/unit/http/test_http_dispatch.py`
compares both for every route there is. Trying some forty routers cost more than answering.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.convertors import Convertor, PathConvertor
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.plan import planned
from shared.http.raw import RawRoutes


@dataclass(frozen=True, slots=True)
class Way:
    """A route that answers: `route` is what metrics name, `app` is what is called."""

    route: BaseRoute
    endpoint: Any
    app: ASGIApp
    pattern: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    is_planned: bool = False


class Ways:
    """The routes of an application by method and path, in the order in which they are tried."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[tuple[str, str], Way] = {}
        self._patterns: dict[tuple[str, int, str], list[Way]] = {}
        for context in _contexts(routes):
            if _is_open(context):
                # It may hide any that comes after it.
                return
            way = _way(context)
            for method in context.methods or ():
                self._put(method, context.path or "", way)

    def find(self, method: str, path: str) -> tuple[Way, dict[str, Any]] | None:
        """The route that answers, with the parameters of its path; None: take the long way."""
        way = self._exact.get((method, path))
        if way is not None:
            return way, {}
        for way in self._patterns.get(_key(method, path), ()):
            match = way.pattern.match(path)
            if match is not None:
                return way, {name: way.convertors[name].convert(text) for name, text in match.groupdict().items()}
        return None

    def _put(self, method: str, path: str, way: Way) -> None:
        if way.convertors:
            self._patterns.setdefault(_key(method, path), []).append(way)
        # One with parameters that was declared before it has the path.
        elif self.find(method, path) is None:
            self._exact[method, path] = way


def _way(context: RouteContext) -> Way:
    app = planned(context)
    return Way(
        context.original_route,
        context.endpoint,
        app or context.app,
        context.path_regex,
        context.param_convertors,
        is_planned=app is not None,
    )


def _contexts(routes: Iterable[BaseRoute]) -> Iterator[RouteContext]:
    """All routes but raw ones with parameters, and what those may hide."""
    hiding: list[str] = []
    for route in routes:
        if isinstance(route, RawRoutes):
            hiding += map(_beginning, route.others)
            yield from map(RouteContext, route.exact)
        else:
            yield from (each for each in iter_route_contexts([route]) if not _may_meet(_beginning(each), hiding))


def _beginning(route: BaseRoute | RouteContext) -> str:
    """What every path of a route begins with."""
    return str(getattr(route, "path", "")).partition("{")[0]


def _may_meet(beginning: str, others: Iterable[str]) -> bool:
    return any(beginning.startswith(each) or each.startswith(beginning) for each in others)


def _is_open(context: RouteContext) -> bool:
    """Whether its path has no fixed length, or a parameter among the first two words."""
    path = context.path or ""
    is_deep = any(isinstance(each, PathConvertor) for each in context.param_convertors.values())
    return is_deep or "{" in _key("", path)[2]


def _key(method: str, path: str) -> tuple[str, int, str]:
    """Method, depth and the first two words."""
    first = path.find("/", 1)
    second = path.find("/", first + 1) if first > 0 else -1
    return method, path.count("/"), path[:second] if second > 0 else path


class Dispatch:
    """Calls the route of a request; where it knows none, `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ways: Ways | None = None
        self._handlers: tuple[dict[Any, Any], dict[int, Any]] = ({}, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("root_path"):
            await self._app(scope, receive, send)
            return
        ways = self._ways or self._learn(scope["app"])
        found = ways.find(scope["method"], scope["path"])
        if found is None:
            await self._app(scope, receive, send)
            return
        way, parameters = found
        scope["route"], scope["endpoint"], scope["path_params"] = way.route, way.endpoint, parameters
        scope["starlette.exception_handlers"] = self._handlers
        if way.is_planned:
            await way.app(scope, receive, send)
            return
        # FastAPI closes the files of forms with it.
        async with AsyncExitStack() as scope["fastapi_middleware_astack"]:
            await way.app(scope, receive, send)

    def _learn(self, app: FastAPI) -> Ways:
        handlers = app.exception_handlers
        self._handlers = (
            {kind: each for kind, each in handlers.items() if not isinstance(kind, int)},
            {status: each for status, each in handlers.items() if isinstance(status, int)},
        )
        self._ways = Ways(app.router.routes)
        return self._ways
