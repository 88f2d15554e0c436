"""Operators see how far every consumer is."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.bus.base import Bus, OutRecord, Partition, partition_of
from shared.bus.postgres import PostgresBus
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery.inbox import advance
from shared.delivery.outbox import write_records
from shared.delivery.subscription import Subscription
from shared.events.catalogue.touchpoints import OrderPlaced
from shared.events.topics import ORDERS
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.observability.health import Health
from shared.runtime.service import Service

SHARED = Path(__file__).resolve().parents[3] / "shared"


async def ignore(_: Any, __: Any, ___: Any) -> None: ...


@pytest.fixture
async def bus(migrated_url: str) -> AsyncIterator[Bus]:
    engine = make_engine(migrated_url, schema="bus", pool_size=None)
    await upgrade(engine, [Tree(SHARED / "bus" / "migrations", "bus", "alembic_bus")])
    await engine.dispose()
    opened = PostgresBus(migrated_url)
    await opened.start()
    await opened.ensure_topics([ORDERS], partitions=2)
    yield opened
    await opened.stop()


@pytest.fixture
def serve(databases: dict[str, Database], ring: KeyRing) -> Callable[[Bus | None], httpx.AsyncClient]:
    till = Service(
        name="till",
        build=lambda parts: None,
        migrations=Path("none"),
        subscriptions=(Subscription("till.orders", (OrderPlaced,), ignore),),
    )

    def served(bus: Bus | None) -> httpx.AsyncClient:
        app = make_app(
            title="Till",
            version="1",
            manifests=[till],
            services={"till": None},
            databases={"till": databases["till"]},
            keyring=ring,
            health=Health(),
            bus=bus,
        )
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://till")

    return served


async def test_position_end_and_lag_of_every_partition(
    serve: Callable[[Bus | None], httpx.AsyncClient], bus: Bus, ring: KeyRing, databases: dict[str, Database]
) -> None:
    _, text = await ring.create("secret", "ops", scopes=["ops:read"])
    keys = {partition_of(str(number).encode(), 2): str(number).encode() for number in range(10)}
    await bus.append([OutRecord("orders", keys[1], b"{}") for _ in range(5)])
    async with databases["till"].write() as tx:
        await advance(tx, "till.orders", Partition("orders", 1), expected=0, next_offset=3)
        await write_records(tx, [OutRecord("orders", keys[0], b"{}") for _ in range(2)])

    async with serve(bus) as client:
        told = (await client.get("/v1/ops/consumers", auth=(text, ""))).json()
        items = told["items"]

    shown = [(each["group"], each["topic"], each["partition"], each["lag"]) for each in items]
    assert shown == [("till.orders", "orders", 0, 0), ("till.orders", "orders", 1, items[1]["end"] - 3)]
    assert items[1]["position"] == 3
    assert items[1]["end"] >= 5
    assert told["outboxes"] == [{"service": "till", "waiting": 2}], "what is not published yet has no lag"


async def test_a_bus_that_is_away_is_503(serve: Callable[[Bus | None], httpx.AsyncClient], ring: KeyRing) -> None:
    _, text = await ring.create("secret", "ops", scopes=["ops:read"])
    away = PostgresBus("postgresql://nobody@127.0.0.1:9/none")

    async with serve(away) as client:
        answer = await client.get("/v1/ops/consumers", auth=(text, ""))

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
