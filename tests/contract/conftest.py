"""Fixtures of the contract suites: every bus test runs on both drivers."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bus_backends import PARTITIONS, TOPICS, Backend, KafkaBackend, PostgresBackend, started

from shared.bus.base import Bus
from shared.db.embedded import EmbeddedServer
from shared.testing.kafka import GivenBroker, KafkaBroker
from shared.testing.postgres import fresh_database, scratch_folder

DRIVERS = ("postgres", "kafka")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is tried on each operation is made up while tests are collected: half a minute, for who runs it alone."""
    is_left_out = collection_path.name == "test_openapi_live.py" and "not long" in config.option.markexpr
    return True if is_left_out else None


@pytest.fixture(params=DRIVERS)
def place(request: pytest.FixtureRequest) -> Any:
    """Where a driver's log lives: the broker, or the URL of a PostgreSQL server."""
    # Not in an async fixture: these two run event loops of their own while they start.
    return request.getfixturevalue("kafka_broker" if request.param == "kafka" else "pg_url")


@asynccontextmanager
async def _postgres(server: PostgresBackend) -> AsyncIterator[PostgresBackend]:
    async with fresh_database(server.url) as url:
        made = server.on(url)
        await made.migrate()
        yield made


def _kafka(broker: KafkaBroker | GivenBroker) -> KafkaBackend:
    return KafkaBackend(broker, f"t{uuid4().hex[:12]}.")


@pytest.fixture
async def backend(place: Any) -> AsyncIterator[Backend]:
    """A driver with its empty log."""
    if not isinstance(place, str):
        yield _kafka(place)
        return
    async with _postgres(PostgresBackend(place)) as made:
        yield made


@pytest.fixture
async def bus(backend: Backend) -> AsyncIterator[Bus]:
    """A started bus with its topics."""
    async with started(backend.make()) as made:
        await made.ensure_topics(TOPICS, partitions=PARTITIONS)
        yield made


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresBackend]:
    """A PostgreSQL server that a test may take away."""
    with scratch_folder(in_memory=True) as folder:
        server = EmbeddedServer(folder)
        url = asyncio.run(server.start())
        try:
            yield PostgresBackend(url, server=server, folder=folder)
        finally:
            asyncio.run(server.stop())


@pytest.fixture(params=DRIVERS)
def frail_place(request: pytest.FixtureRequest) -> Any:
    """Where a driver's log lives, and a test may take it away."""
    made = request.getfixturevalue("kafka_broker" if request.param == "kafka" else "own_server")
    if isinstance(made, GivenBroker):
        pytest.skip("TAM_TEST_KAFKA names a broker that is not ours to stop")
    return made


@pytest.fixture
async def frail(frail_place: KafkaBroker | PostgresBackend) -> AsyncIterator[Backend]:
    """A driver whose backend the test may stop and freeze; the test leaves it running."""
    if isinstance(frail_place, KafkaBroker):
        yield _kafka(frail_place)
        # Here, where a warning about what aiokafka dropped is expected, not in the next test.
        gc.collect()
        return
    async with _postgres(frail_place) as made:
        yield made


@pytest.fixture
async def frail_bus(frail: Backend) -> AsyncIterator[Bus]:
    """A started bus on it, with its topics and little patience."""
    async with started(frail.make(append_seconds=3.0)) as made:
        await made.ensure_topics(TOPICS, partitions=PARTITIONS)
        yield made
