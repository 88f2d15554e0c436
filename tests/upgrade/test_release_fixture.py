"""Data of every release kept come up on today's code: the same rows, migrated, with the same figures, and go on."""

from pathlib import Path

import asyncpg
import pytest
from releases import MOST_BYTES, Release, current_version, digests_of_scripts, releases, telling_of_machines
from upgrade_shop import figures

from services.registry import SERVICES
from shared.backup.errors import Newer
from shared.backup.loading import checked, restore
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.rights.marks import open_seal
from shared.runtime.platform import load_service_settings, migrate
from shared.runtime.rebuilding import rebuilding, verify
from shared.runtime.service import Parts
from shared.runtime.trees import PLATFORM_SCHEMA, trees_of
from shared.testing.platform import Running, running_platform

KEPT = releases()
KNOWN = pytest.mark.parametrize("release", KEPT, ids=[each.version for each in KEPT])


@KNOWN
def test_what_a_release_ran_is_never_edited(release: Release):
    if release.is_out:
        assert release.edited() == [], f"{release.version} is out: write a new migration instead"


def test_the_release_before_this_one_was_kept():
    """Its number was raised: then the data of the one before must be there."""
    assert KEPT, "make release-fixture"
    assert KEPT[-1].version == current_version() or KEPT[-1].is_out


@KNOWN
def test_what_is_kept_is_small_and_names_no_machine(release: Release, tmp_path: Path):
    assert sum(file.stat().st_size for file in release.folder.iterdir()) < MOST_BYTES
    assert telling_of_machines(release.unpacked(tmp_path)) == []


@pytest.fixture(params=KEPT, ids=[each.version for each in KEPT])
def release(request: pytest.FixtureRequest) -> Release:
    """One of them; of the release that is still being made only while nobody edited a migration since."""
    found: Release = request.param
    if not found.is_out and (edited := found.edited()):
        pytest.skip(f"{', '.join(edited)} changed since {found.version} was kept: make release-fixture")
    return found


async def test_the_data_of_a_release_come_up_today(release: Release, empty_database_url: str, tmp_path: Path):
    url, folder = empty_database_url, release.unpacked(tmp_path)
    try:
        await restore(url, folder, await checked(folder, trees_of(SERVICES)))
    except Newer as refusal:
        pytest.skip(str(refusal))
    except asyncpg.PostgresError as error:
        pytest.fail(f"{release.version} cannot be restored: {error}")
    await migrate(url, SERVICES)

    async with running_platform(url, SERVICES) as running:
        await running.settled()
        kept = release.told("figures.json")
        assert await figures(running, kept["as_of"]) == kept["values"]
        before = await figures(running)
        assert await rebuilt_otherwise(running) == []
        order = {"order_id": "today-1", "total": 1_000_000, "currency": "VND"}
        call = {"type": "track", "event": "Order Completed", "userId": "kh-1", "properties": order}
        assert (await running.shop.post("/v1/batch", json={"batch": [call]})).status_code == 200
        await running.settled()
        after = await figures(running)
    assert (after["orders"], int(after["gross"])) == (before["orders"] + 1, int(before["gross"]) + 1_000_000)


async def rebuilt_otherwise(running: Running) -> list[str]:
    """The projections that today's code makes otherwise of the release's log."""
    different, platform = [], running.platform
    own = load_service_settings(SERVICES)
    platform_db = Database(make_engine(platform.database_url, schema=PLATFORM_SCHEMA, pool_size=None), schema="x")
    seal = await open_seal(platform_db, None)
    for manifest, live in platform.databases():
        if not manifest.projections:
            continue

        def parts(db: Database, name: str = manifest.name) -> Parts:
            return Parts(db, platform.bus, SystemClock(), platform.settings, own.get(name), seal)

        async def moved(_: int) -> None:
            """Nobody watches."""

        async with rebuilding(manifest, platform.database_url, platform.bus, parts) as scratch:
            verdicts = await verify(scratch, live, moved)
        different += [f"{manifest.name}.{each.table}" for each in verdicts if not each.is_same]
    return different


def test_an_edit_of_what_is_out_is_seen(monkeypatch: pytest.MonkeyPatch):
    """The check above can fail: with the next release begun, and one migration that is not what it was."""
    first = KEPT[0]
    told = {**digests_of_scripts(), "shared/bus/migrations/versions/0001_bus.py": "another"}
    monkeypatch.setattr("releases.digests_of_scripts", lambda: told)
    monkeypatch.setattr("releases.current_version", lambda: "99.0.0")

    assert first.is_out
    assert "shared/bus/migrations/versions/0001_bus.py" in first.edited()
