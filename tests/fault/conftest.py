"""Fixtures of the fault tests: a seed, a driver, an installation."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from installation import Install, Installation, installed

from shared.testing.zygote import Zygote

DRIVERS = ("postgres", "kafka")


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Forks the processes of all tests."""
    made = Zygote()
    yield made
    made.close()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What decides all that is random: `TAM_TEST_SEED`, or a new one, printed."""
    given = os.environ.get("TAM_TEST_SEED")
    chosen = int(given) if given else random.SystemRandom().randrange(1_000_000)
    print(f"{request.node.name}: TAM_TEST_SEED={chosen}")
    return chosen


@pytest.fixture(params=DRIVERS)
def kafka(request: pytest.FixtureRequest) -> str | None:
    """Runs a test on both buses: None is the PostgreSQL log, else the broker's address."""
    return None if request.param == "postgres" else request.getfixturevalue("kafka_broker").bootstrap_servers


@pytest.fixture
def install(tmp_path: Path, seed: int, kafka: str | None, zygote: Zygote) -> Install:
    """Sets an installation up on a database of the test's choice."""

    def make(url: str, **environ: str) -> AbstractAsyncContextManager[Installation]:
        return installed(url, tmp_path, seed, zygote, kafka=kafka, **environ)

    return make


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    """An installation on a fresh database of the shared server."""
    async with install(database_url) as made:
        yield made
