"""A small application with every kind of route, in front of a database that is not there."""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.bus.base import BusUnavailable
from shared.db.engine import Database, make_engine
from shared.errors import Conflict, NotFound
from shared.http.access import service_of
from shared.http.app import make_app
from shared.http.auth import Caller, KeyRing, require
from shared.http.etag import with_etag
from shared.http.idempotency import IdempotencyKey
from shared.http.problems import problems
from shared.http.schemas import BigInt, Instant, Strict
from shared.http.settings import HttpSettings
from shared.observability.health import Health
from shared.runtime.service import Service


class AlreadyThere(Conflict):
    code, title = "demo.already_there", "Already there"

    def __init__(self, reference: UUID) -> None:
        super().__init__("It is there already.", reference=reference, price=Decimal("1.50"), status="overwritten?")


class Thing(Strict):
    name: str = Field(max_length=20)
    price: float | None = None
    count: BigInt = 0
    at: Instant | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


router = APIRouter(prefix="/v1/demo", tags=["demo"])


@router.get("/things/{thing_id}", responses=problems(NotFound))
async def show(thing_id: UUID, limit: Annotated[int, Query(ge=1, le=10)] = 1) -> dict[str, str]:
    return {"id": str(thing_id), "limit": str(limit)}


@router.put("/things/{thing_id}", responses=problems(AlreadyThere))
async def put(thing_id: UUID, body: Thing) -> dict[str, str]:
    raise AlreadyThere(thing_id)


@router.post("/things")
async def make(body: Thing) -> Thing:
    return body


@router.get("/crash")
async def crash() -> dict[str, str]:
    raise RuntimeError("secret detail: password=hunter2")


@router.get("/outage")
async def outage() -> dict[str, str]:
    raise BusUnavailable("broker 10.0.0.7 does not answer")


@router.get("/whose", dependencies=[Depends(require("demo:read"))])
async def whose(service: Annotated[Any, Depends(service_of("demo"))]) -> dict[str, str]:
    return {"service": service}


@router.post("/twice")
async def twice(caller: Annotated[Caller, Depends(require("demo:write"))], idem: IdempotencyKey) -> dict[str, str]:
    return {"caller": caller.key_id, "key": idem.key if idem else ""}


@router.get("/poll")
async def poll(request: Request) -> Response:
    return with_etag(request, b'{"value":1}')


async def raw(request: Request) -> Response:
    body = await request.body()
    return Response(str(len(body)), media_type="text/plain")


async def _no_scrape(_: Any) -> None:
    raise RuntimeError("gauges cannot be refreshed")


def raw_routes(_: Any) -> tuple[Route, ...]:
    return (Route("/v1/raw", raw, methods=["POST"]),)


RAW_OPENAPI = {"/v1/raw": {"post": {"operationId": "demo_raw", "summary": "Raw", "responses": {"200": {}}}}}

manifest = Service(
    name="demo",
    build=lambda parts: "the demo service",
    migrations=Path("none"),
    routers=(router,),
    raw_routes=raw_routes,
    raw_openapi=RAW_OPENAPI,
)


@pytest.fixture
def health() -> Health:
    return Health(kept_seconds=0)


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database on a port where nobody listens."""
    db = Database(make_engine("postgresql://nobody@127.0.0.1:9/none", schema="platform", pool_size=None), schema="x")
    yield db
    await db.dispose()


@pytest.fixture
def app(health: Health, nowhere: Database) -> Iterator[FastAPI]:
    made = make_app(
        title="Demo",
        version="1",
        manifests=[manifest],
        services={"demo": "the demo service"},
        databases={},
        keyring=KeyRing(nowhere),
        health=health,
        scrapes=[(_no_scrape, None)],
        settings=HttpSettings(max_body_bytes=200_000, body_seconds=1),
    )
    # Until logging is set up, structlog takes seconds to paint a traceback.
    with structlog.testing.capture_logs():
        yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        yield client
