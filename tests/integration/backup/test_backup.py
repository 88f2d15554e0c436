"""A back-up of one moment, restored on an empty database: the same, or nothing."""

import pytest
from backup_world import BackedUp, digests_of

from services.registry import SERVICES
from shared.backup.loading import checked, restore
from shared.runtime.trees import trees_of

TREES = trees_of(SERVICES)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_restored_is_what_was_there(backed_up: BackedUp, empty_database_url: str):
    manifest = await checked(backed_up.folder, TREES)

    await restore(empty_database_url, backed_up.folder, manifest)

    assert await digests_of(empty_database_url) == backed_up.manifest.digests
