"""What every test may ask for."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from services.registry import SERVICES
from shared.testing.kafka import GivenBroker, KafkaBroker, KafkaMissing, broker_for_tests
from shared.testing.postgres import fresh_database, migrated_template, scratch_folder, throwaway_server

# A slow machine is no failure: pytest's own timeout is the limit.
settings.register_profile("tam", deadline=None)
settings.load_profile("tam")
# Drawn with all its values, as structlog does by itself, each error stops the event loop for two seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """A database on a running PostgreSQL server: `TAM_TEST_DATABASE_URL`, or a throw-away one."""
    given = os.environ.get("TAM_TEST_DATABASE_URL")
    if given:
        yield given
    else:
        with throwaway_server() as url:
            yield url


@pytest.fixture(scope="session")
def template(pg_url: str) -> Iterator[str]:
    """The name of a database with the schemas of all services."""
    with migrated_template(pg_url, SERVICES) as name:
        yield name


@pytest.fixture
async def database_url(pg_url: str, template: str) -> AsyncIterator[str]:
    """A fresh database with the schemas of all services, all tables empty."""
    async with fresh_database(pg_url, template=template) as url:
        yield url


@pytest.fixture
async def empty_database_url(pg_url: str) -> AsyncIterator[str]:
    """A fresh database without any schema of ours."""
    async with fresh_database(pg_url) as url:
        yield url


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A fresh folder for an embedded server, in reach of its user also when the tests run as root."""
    with scratch_folder(in_memory=True) as folder:
        yield folder


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker | GivenBroker]:
    """A real Kafka broker: `TAM_TEST_KAFKA`, or one of our own; without a JDK the test is skipped.

    `TAM_REQUIRE_KAFKA=1` makes that skip a failure. Tests share it: each takes a topic prefix of its own.
    """
    try:
        with broker_for_tests() as broker:
            yield broker
    except KafkaMissing as missing:
        reason = f"Kafka's half of the tests cannot run: {missing}"
        if os.environ.get("TAM_REQUIRE_KAFKA") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
