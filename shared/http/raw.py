"""The raw routes of all services and of the system, found by their path in one step."""

from collections.abc import Iterable, Iterator
from itertools import chain

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class RawRoutes(BaseRoute):
    """Many Starlette routes as one: paths without parameters cost a look-up, not a regular expression each.

    Notes the route in the scope, which FastAPI's router does only for its own: metrics need its template.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[str, list[BaseRoute]] = {}
        self._others: list[BaseRoute] = []
        for route in routes:
            if isinstance(route, Route) and not route.param_convertors:
                self._exact.setdefault(route.path, []).append(route)
            else:
                self._others.append(route)

    @property
    def others(self) -> Iterator[BaseRoute]:
        """The routes whose paths have parameters."""
        return iter(self._others)

    @property
    def exact(self) -> Iterator[BaseRoute]:
        """The routes whose paths have no parameters."""
        return chain.from_iterable(self._exact.values())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The best match among the routes; exact paths first."""
        if scope["type"] != "http":
            return Match.NONE, {}
        best: tuple[Match, Scope] = (Match.NONE, {})
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for route in self._exact.get(path, self._others):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, "route": route}
            if match is Match.PARTIAL and best[0] is Match.NONE:
                best = match, {**child, "route": route}
        return best

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the route that matched."""
        route: BaseRoute = scope["route"]
        await route.handle(scope, receive, send)
