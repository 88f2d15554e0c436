"""The short way finds what the long way finds, for every route there is, and leaves it all that it does not know."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import Message, Scope

from services.registry import SERVICES
from shared.db.engine import Database, make_engine
from shared.errors import AppError
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.http.dispatch import Dispatch, Ways
from shared.http.plan import planned
from shared.observability.health import Health

ID = "0198c5a0-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def house() -> FastAPI:
    """All services, without what they are built of: nobody gets past their doors."""
    nowhere = Database(make_engine("postgresql://nobody@127.0.0.1:9/x", schema="x", pool_size=None), schema="x")
    return make_app(
        title="House",
        version="1",
        manifests=[replace(service, raw_routes=None) for service in SERVICES],
        services={},
        databases={},
        keyring=KeyRing(nowhere),
        health=Health(),
    )


async def _silence() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def by_the_long_way(app: FastAPI, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """Template and parameters of the route that FastAPI's own router calls; None: it calls none."""
    scope: Scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "app": app}

    async def nobody(_: Message) -> None: ...

    try:
        async with AsyncExitStack() as scope["fastapi_middleware_astack"]:
            await app.router(scope, _silence, nobody)
    except AppError:
        # The route's own refusal.
        return scope["route"].path, dict(scope["path_params"])
    except Exception:  # noqa: BLE001 - 404 and 405
        return None
    return scope["route"].path, dict(scope["path_params"])


def by_the_short_way(ways: Ways, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    found = ways.find(method, path)
    return None if found is None else (getattr(found[0].route, "path", ""), found[1])


def addresses(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every operation, and what is like one: another method, a slash too many, a word too few."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            path = "/".join(ID if word.startswith("{") else word for word in (context.path or "").split("/"))
            for method in sorted(context.methods or ()):
                yield method, path
                yield method, f"{path}/"
                yield method, path.rpartition("/")[0]
            yield "DELETE", path


async def test_both_ways_lead_to_the_same_route(house: FastAPI) -> None:
    ways = Ways(house.router.routes)
    asked = sorted(set(addresses(house)))

    differing = {}
    known = 0
    for method, path in asked:
        short = by_the_short_way(ways, method, path)
        known += short is not None
        if short != (long := await by_the_long_way(house, method, path)):
            differing[method, path] = short, long

    assert differing == {}
    assert known >= sum(len(context.methods or ()) for context in iter_route_contexts(house.routes)) - 20


async def test_a_route_that_was_declared_first_has_the_address() -> None:
    app = FastAPI()
    first, second = APIRouter(prefix="/v1/x"), APIRouter(prefix="/v1/x")

    @first.get("/{thing}")
    async def by_id(thing: str) -> None: ...

    @second.get("/word")
    async def word() -> None: ...

    @second.put("/word")
    async def put_word() -> None: ...

    @second.get("/{thing}/{other}")
    async def deeper(thing: str, other: str) -> None: ...

    app.include_router(first)
    app.include_router(second)
    ways = Ways(app.router.routes)

    assert by_the_short_way(ways, "GET", "/v1/x/word") == ("/v1/x/{thing}", {"thing": "word"})
    assert by_the_short_way(ways, "PUT", "/v1/x/word") == ("/v1/x/word", {})
    assert by_the_short_way(ways, "GET", "/v1/x/a/b") == ("/v1/x/{thing}/{other}", {"thing": "a", "other": "b"})
    assert by_the_short_way(ways, "DELETE", "/v1/x/word") is None


async def test_what_an_open_route_may_hide_goes_the_long_way() -> None:
    app = FastAPI()

    @app.get("/v1/before")
    async def before() -> None: ...

    @app.get("/v1/{anything:path}")
    async def everything(anything: str) -> None: ...

    @app.get("/v1/after")
    async def after() -> None: ...

    ways = Ways(app.router.routes)

    assert by_the_short_way(ways, "GET", "/v1/before") == ("/v1/before", {})
    assert by_the_short_way(ways, "GET", "/v1/after") is None
    assert await by_the_long_way(app, "GET", "/v1/after") == ("/v1/{anything:path}", {"anything": "after"})


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/demo/nothing", 404, None),
        ("GET", "/v1/demo/poll/", 404, None),
        ("PATCH", f"/v1/demo/things/{ID}", 405, "GET, PUT"),
        ("GET", "/v1/raw", 405, "POST"),
        ("HEAD", "/v1/demo/poll", 405, "GET"),
        ("GET", "/v1/demo/poll", 200, None),
        ("GET", "/v1/demo/things/none", 422, None),
        ("GET", "/v1/demo/crash", 500, None),
        ("GET", "/v1/demo/whose", 401, None),
        ("POST", "/v1/raw", 200, None),
    ],
)
async def test_answers_are_as_ever(
    client: httpx.AsyncClient, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers.get("allow") == allow


class TestPlans:
    """FastAPI's own handler answers what is wrong with a request, and all of what is unusual."""

    async def test_nearly_all_routes_have_one(self, house: FastAPI) -> None:
        contexts = [each for each in iter_route_contexts(house.routes) if isinstance(each.original_route, APIRoute)]

        unplanned = [each.path for each in contexts if planned(each) is None]

        assert len(unplanned) < len(contexts) / 10, unplanned

    async def test_what_is_unusual_has_none(self) -> None:
        class Own(APIRoute):
            pass

        async def opened() -> AsyncIterator[int]:
            yield 1

        app = FastAPI()
        app.router.route_class = Own
        app.get("/own")(word)
        app.router.route_class = APIRoute
        app.get("/yields", dependencies=[Depends(opened)])(word)
        app.get("/waits")(lambda: None)
        app.get("/crumb")(crumb)
        app.get("/word")(word)

        plans = {each.path: planned(each) is not None for each in iter_route_contexts(app.routes)}

        assert {path for path, has in plans.items() if has} == {"/word"}

    @pytest.mark.parametrize("query", ["limit=9&name=Lan", "limit=x", ""])
    async def test_a_body_that_was_read_is_there_for_fastapi_too(self, query: str) -> None:
        app = FastAPI(middleware=[Middleware(Dispatch)])
        read = []

        async def reads(request: Request) -> None:
            read.append(await request.body())

        @app.post("/echo", dependencies=[Depends(reads)])
        async def echo(limit: int) -> int:
            return limit

        transport = httpx.ASGITransport(app)
        async with asyncio.timeout(5), httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
            answer = await client.post(f"/echo?{query}", content="chào".encode())

        assert set(read) == {"chào".encode()}
        assert answer.status_code == (200 if query.startswith("limit=9") else 422)


async def word() -> str:
    """A word."""
    return "word"


async def crumb(crumb: Annotated[str, Cookie()]) -> str:
    """What a cookie says."""
    return crumb
