"""A loyalty service on a real database, and a whole platform with it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from loyalty_world import LoyaltyWorld, open_world

from services.loyalty.app import service as manifest
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[LoyaltyWorld]:
    """Loyalty with its schema in a database of its own, and a clock that the test moves."""
    async with open_world(database_url) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_world(pg_url: str) -> AsyncIterator[LoyaltyWorld]:
    """The same, shared by the tests of a file: each takes people of its own.

    The file says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    async with fresh_database(pg_url) as url, open_world(url) as opened:
        yield opened


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    """A platform with loyalty alone at work: clients for a shop and a CRM."""
    async with running_platform(database_url, [manifest]) as platform:
        yield platform


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_running(pg_url: str) -> AsyncIterator[Running]:
    """The same, shared by the tests of a file, which says `pytestmark` as above."""
    async with fresh_database(pg_url) as url, running_platform(url, [manifest]) as platform:
        yield platform
