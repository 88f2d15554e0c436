"""A service's database as the platform makes it: what every service carries, and a table of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import shared
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery.outbox import OutboxWriter

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
    engine = make_engine(database_url, schema=SCHEMA, pool_size=6)
    await upgrade(engine, TREES)
    made = Database(engine, schema=SCHEMA, outbox=outbox)
    async with made.write() as tx:
        await tx.execute("CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL)")
    yield made
    await made.dispose()
