"""What every test may ask for."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from shared.testing.postgres import fresh_database, scratch_folder, throwaway_server

# A slow machine is no failure: pytest's own timeout is the limit.
settings.register_profile("tam", deadline=None)
settings.load_profile("tam")


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """A database on a running PostgreSQL server: `TAM_TEST_DATABASE_URL`, or a throw-away one."""
    given = os.environ.get("TAM_TEST_DATABASE_URL")
    if given:
        yield given
    else:
        with throwaway_server() as url:
            yield url


@pytest.fixture
async def database_url(pg_url: str) -> AsyncIterator[str]:
    """A fresh, empty database."""
    async with fresh_database(pg_url) as url:
        yield url


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A fresh folder for an embedded server, in reach of its user also when the tests run as root."""
    with scratch_folder() as folder:
        yield folder
