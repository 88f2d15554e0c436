"""A metrics service on a real database, with the PostgreSQL log as its bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from metrics_world import HandClock, World

from services.metrics.app import build
from services.metrics.app import service as manifest
from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.topics import IDENTITY, LOYALTY, ORDERS, SEGMENTS, SUBSCRIPTIONS, SURVEYS, TOUCHPOINTS
from shared.rights.marks import Seal
from shared.runtime.service import Parts
from shared.runtime.trees import trees_of
from shared.testing.postgres import fresh_database


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[World]:
    db = Database(make_engine(database_url, schema="metrics"), schema="metrics", outbox=OutboxWriter())
    await upgrade(db.engine, trees_of((manifest,)))
    bus = PostgresBus(database_url, sole=True)
    await bus.start()
    await bus.ensure_topics((ORDERS, IDENTITY, SURVEYS, SEGMENTS, LOYALTY, TOUCHPOINTS, SUBSCRIPTIONS), partitions=2)
    clock = HandClock()
    metrics = build(
        Parts(db=db, bus=bus, clock=clock, platform=PlatformSettings(), settings=None, seal=Seal(bytes(32)))
    )
    yield World(db, metrics, clock)
    await bus.stop()
    await db.dispose()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Metrics with its schema; days are those of Ho Chi Minh City."""
    async with _opened(database_url) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_world(pg_url: str, template: str) -> AsyncIterator[World]:
    """The same for all tests of a module together."""
    async with fresh_database(pg_url, template=template) as url, _opened(url) as found:
        yield found
