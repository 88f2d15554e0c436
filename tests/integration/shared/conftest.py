"""A service's database as the platform makes it: what every service carries, and a table of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from delivery_world import World

import shared
from shared.bus.postgres import PostgresBus
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery import runner
from shared.delivery.outbox import OutboxWriter
from shared.events.topics import TOPICS

SCHEMA = "shop"
HOUSE = Path(shared.__file__).parent
TREES = [
    Tree(HOUSE / "bus" / "migrations", "bus", "alembic_bus"),
    Tree(HOUSE / "delivery" / "migrations", SCHEMA, "alembic_delivery"),
    Tree(HOUSE / "identity" / "migrations", SCHEMA, "alembic_identity"),
]


@pytest.fixture
def outbox() -> OutboxWriter:
    return OutboxWriter()


@pytest.fixture
async def db(database_url: str, outbox: OutboxWriter) -> AsyncIterator[Database]:
    engine = make_engine(database_url, schema=SCHEMA, pool_size=12)
    await upgrade(engine, TREES)
    made = Database(engine, schema=SCHEMA, outbox=outbox)
    async with made.write() as tx:
        await tx.execute("CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL)")
    yield made
    await made.dispose()


@pytest.fixture
async def bus(db: Database, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[PostgresBus]:
    """The PostgreSQL log, with one partition per topic (one order for all) or as many as a test asks for."""
    made = PostgresBus(database_url, sole=True)
    await made.start()
    await made.ensure_topics(TOPICS, partitions=getattr(request, "param", 1))
    yield made
    await made.stop()


@pytest.fixture
def world(db: Database, bus: PostgresBus, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(runner, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(runner, "MAX_BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.1)
    return World(db, bus)
