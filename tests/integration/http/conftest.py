"""The platform's schema and two services' schemas on a real PostgreSQL, and the edge in front of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import pytest
from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.errors import Conflict
from shared.http.access import service_of
from shared.http.app import make_app
from shared.http.auth import Caller, KeyRing, require
from shared.http.idempotency import IdempotencyKey, answer
from shared.http.schemas import Strict
from shared.http.settings import HttpSettings
from shared.observability.health import Health
from shared.runtime.service import Service
from shared.testing.postgres import fresh_database

SHARED = Path(__file__).resolve().parents[3] / "shared"
SERVICES = ("till", "stock")


class Sold(Conflict):
    code = "till.sold_out"

    def __init__(self) -> None:
        super().__init__("There is none left.")


class Sale(Strict):
    amount: int


@dataclass(frozen=True, slots=True)
class Till:
    """A service with one effect that must happen once."""

    db: Database

    async def sell(self, sale: Sale, idem: Idempotent | None) -> Answer:
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if sale.amount > 1000:
                raise Sold
            row = await tx.execute("INSERT INTO sales (amount) VALUES (:amount) RETURNING id", {"amount": sale.amount})
            given = Answer(201, orjson.dumps({"sale": row.scalar_one(), "amount": sale.amount}))
            await remember(tx, idem, given)
            return given


router = APIRouter(prefix="/v1/till", tags=["till"])


@router.post("/sales", status_code=201)
async def sell(
    body: Sale,
    idem: IdempotencyKey,
    till: Annotated[Till, Depends(service_of("till"))],
    caller: Annotated[Caller, Depends(require("till:write"))],
) -> Response:
    return answer(await till.sell(body, idem))


@router.get("/me")
async def me(caller: Annotated[Caller, Depends(require("till:read"))]) -> dict[str, Any]:
    return {"key": caller.key_id, "scopes": sorted(caller.scopes)}


manifest = Service(name="till", build=lambda parts: Till(parts.db), migrations=Path("none"), routers=(router,))


async def _make(url: str) -> None:
    trees = [Tree(SHARED / "http" / "migrations", "platform", "alembic_http")]
    trees += [Tree(SHARED / "delivery" / "migrations", name, "alembic_delivery") for name in SERVICES]
    engine = make_engine(url, schema="till", pool_size=None)
    await upgrade(engine, trees)
    async with Database(engine, schema="till").write() as tx:
        await tx.execute("CREATE TABLE sales (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int)")
    await engine.dispose()


@pytest.fixture(scope="module")
def migrated_url(pg_url: str) -> Iterator[str]:
    """A database with all schemas, made once for a file: migrating takes longer than most tests."""
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url)
        url = runner.run(database.__aenter__())
        runner.run(_make(url))
        yield url
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def databases(migrated_url: str) -> AsyncIterator[dict[str, Database]]:
    """Doors to the schemas, which are empty."""
    opened = {
        name: Database(make_engine(migrated_url, schema=name, pool_size=16), schema=name)
        for name in ("platform", *SERVICES)
    }
    async with opened["platform"].write() as tx:
        await tx.execute("TRUNCATE platform.api_keys, till.sales")
        for name in SERVICES:
            await tx.execute(f"TRUNCATE {name}.dead_letters, {name}.idempotency_keys, {name}.outbox, {name}.offsets")
    yield opened
    for db in opened.values():
        await db.dispose()


@pytest.fixture
def ring(databases: dict[str, Database]) -> KeyRing:
    return KeyRing(databases["platform"])


@pytest.fixture
async def client(databases: dict[str, Database], ring: KeyRing) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(
        title="Till",
        version="1",
        manifests=[manifest],
        services={"till": Till(databases["till"])},
        databases={name: databases[name] for name in SERVICES},
        keyring=ring,
        health=Health(),
        settings=HttpSettings(rate_per_second=0),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://till") as client:
        yield client
