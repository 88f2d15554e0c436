"""One little shop, backed up while it works; each test restores it into an empty database of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from backup_world import TREES, BackedUp, erased, figures, identify, order, send

from services.cli.erasures import written
from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.config import PlatformSettings
from shared.testing.platform import running_platform
from shared.testing.postgres import fresh_database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backed_up(pg_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BackedUp]:
    """The back-up, what the figures were, and the journal of the one who was erased after it."""
    folder = tmp_path_factory.mktemp("backup")
    async with (
        fresh_database(pg_url, template=template) as url,
        running_platform(url, SERVICES) as shop,
    ):
        await send(shop, [*(identify(person) for person in range(4)), *(order(n, n % 4) for n in range(40))])
        await shop.settled()
        seen, now = await figures(shop), datetime(2026, 11, 22, 9, tzinfo=UTC)
        made = await back_up(url, folder / "first", TREES, NAMES, kafka=None, version="0.1.0", now=now)
        await erased(shop, 1)
        assert await written(PlatformSettings(database_url=url), url, folder / "journal") == 1
        yield BackedUp(folder / "first", made, seen, folder / "journal")
