"""A back-up of one moment, restored into an empty database: the same, or nothing at all."""

import asyncio
import stat
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from backup_world import TREES, BackedUp, digests_of, figures, is_done, lasting, naming, order, send

from services.cli.erasures import carried_out
from services.profiles.rights.service.journal import Entry
from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.backup.errors import Damaged, Different, Failed, Newer, NotEmpty, OtherLog, Partial
from shared.backup.loading import checked, restore
from shared.backup.log import since
from shared.backup.manifest import Manifest, read, written
from shared.bus.postgres import PostgresBus
from shared.bus.postgres.connections import plain_url
from shared.config import PlatformSettings
from shared.db.embedded import EmbeddedServer
from shared.events.topics import TOPICS
from shared.runtime.progress import pending
from shared.testing.platform import running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Killed(Exception):
    """Whoever restored is gone."""


def copied(backed_up: BackedUp, folder: Path, **changes: object) -> Path:
    """The same back-up, with another manifest."""
    folder.mkdir()
    for file in backed_up.folder.glob("*.dump"):
        (folder / file.name).hardlink_to(file)
    written(folder, backed_up.manifest.model_copy(update=changes))
    return folder


async def schemas(url: str) -> set[str]:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return {row[0] for row in await connection.fetch("SELECT nspname FROM pg_namespace")} & {
            tree.schema for tree in TREES
        }
    finally:
        await connection.close()


async def test_what_is_restored_goes_on_as_if_nothing_had_been(backed_up: BackedUp, empty_database_url: str):
    url = empty_database_url
    await restore(url, backed_up.folder, await checked(backed_up.folder, TREES))
    assert await digests_of(url) == lasting(backed_up.manifest.digests)

    async with running_platform(url, SERVICES) as shop:
        assert await pending(shop.platform.bus, shop.platform.databases()) == 0
        assert await figures(shop) == backed_up.figures
        # What was sent before is known; what is new gets numbers that nobody had.
        await send(shop, [order(39, 3), order(40, 0), order(41, 1)])
        await shop.settled()
        after = await figures(shop)

    assert after["orders"] == backed_up.figures["orders"] + 2
    assert int(after["gross"]) == int(backed_up.figures["gross"]) + 125_040 + 125_041


async def test_an_erasure_since_is_carried_out_again(backed_up: BackedUp, empty_database_url: str):
    url, email = empty_database_url, "khach1@thu.example"
    await restore(url, backed_up.folder, await checked(backed_up.folder, TREES))
    assert await naming(url, email), "the back-up holds whoever was erased after it"
    settings = PlatformSettings(database_url=url)

    assert await carried_out(settings, url, backed_up.journal) == 1
    assert await carried_out(settings, url, backed_up.journal) == 0, "again, it does nothing"
    async with running_platform(url, SERVICES) as shop:
        await is_done(shop, str(Entry.read(backed_up.journal.read_bytes()).case.id))
        await send(shop, [{"type": "identify", "userId": "khach-1", "traits": {"email": email}}])
        await shop.settled()
        assert await figures(shop) == backed_up.figures
        async with asyncio.timeout(20):
            # What came late is overwritten in the log a moment later.
            while await naming(url, email):
                await asyncio.sleep(0.2)

    assert "khach" not in backed_up.journal.read_text()


async def test_only_its_owner_reads_it(backed_up: BackedUp):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in backed_up.folder.iterdir()}

    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(backed_up.folder.stat().st_mode) == 0o700
    assert {*modes} == {*backed_up.manifest.files, "manifest.json"}


async def test_who_is_killed_in_the_middle_leaves_nothing(backed_up: BackedUp, empty_database_url: str):
    calls = 0

    def moved(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == len(backed_up.manifest.files):
            raise Killed

    manifest = await checked(backed_up.folder, TREES)
    with pytest.raises(Killed):
        await restore(empty_database_url, backed_up.folder, manifest, moved=moved)
    assert await schemas(empty_database_url) == set()

    await restore(empty_database_url, backed_up.folder, manifest)
    assert await digests_of(empty_database_url) == lasting(manifest.digests)


async def test_a_database_with_data_is_left_alone(backed_up: BackedUp, database_url: str):
    before = await digests_of(database_url)

    with pytest.raises(NotEmpty, match=r"already \(.*loyalty.*\).*\[backup\.target_not_empty\]"):
        await restore(database_url, backed_up.folder, backed_up.manifest)

    assert await digests_of(database_url) == before


async def test_rows_that_are_not_those_that_were_backed_up_are_not_kept(
    backed_up: BackedUp, empty_database_url: str, tmp_path: Path
):
    wrong = {**backed_up.manifest.digests, "metrics.orders": "41:7:8"}
    folder = copied(backed_up, tmp_path / "wrong", digests=wrong)

    with pytest.raises(Different, match=r"restored of metrics\.orders is not"):
        await restore(empty_database_url, folder, await checked(folder, TREES))

    assert await schemas(empty_database_url) == set()


async def test_a_back_up_that_is_not_whole_is_refused(backed_up: BackedUp, tmp_path: Path):
    folder = copied(backed_up, tmp_path / "cut")
    dump = folder / "loyalty.dump"
    content = dump.read_bytes()
    dump.unlink()
    with pytest.raises(Damaged, match=r"loyalty\.dump cannot be read"):
        await checked(folder, TREES)
    dump.write_bytes(content[:-100])
    with pytest.raises(Damaged, match="it was cut short"):
        await checked(folder, TREES)
    dump.write_bytes(content[:999] + bytes([content[999] ^ 1]) + content[1000:])
    with pytest.raises(Damaged, match="SHA-256"):
        await checked(folder, TREES)
    dump.write_bytes(content)
    assert (await checked(folder, TREES)).id == backed_up.manifest.id

    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace("0.1.0", "0.1.1"))
    with pytest.raises(Damaged, match=r"manifest\.json is not what was written"):
        await checked(folder, TREES)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(Damaged, match="cannot be read"):
        await checked(folder, TREES)
    (folder / "manifest.json").unlink()
    with pytest.raises(Partial, match="not finished"):
        await checked(folder, TREES)


@pytest.mark.parametrize(
    "changes", [{"format": 2}, {"heads": {"loyalty/alembic_version": "9999"}}, {"heads": {"console/x": "0001"}}]
)
async def test_what_a_newer_release_made_is_refused(backed_up: BackedUp, tmp_path: Path, changes: dict[str, object]):
    folder = copied(backed_up, tmp_path / "newer", **changes)

    with pytest.raises(Newer, match="update it first"):
        await checked(folder, TREES)


async def test_an_older_server_is_refused(backed_up: BackedUp, empty_database_url: str, tmp_path: Path):
    folder = copied(backed_up, tmp_path / "server", server="99.1")

    with pytest.raises(Newer, match=r"of PostgreSQL 99\.1, and the server is"):
        await restore(empty_database_url, folder, await checked(folder, TREES))


async def test_the_manifest_says_where_everything_stood(backed_up: BackedUp):
    found: Manifest = read(backed_up.folder)
    read_on = {(group, place): position for group, place, position in found.read_on()}

    assert found == backed_up.manifest
    assert sum(position for (group, _), position in read_on.items() if group == "metrics.orders") == 40
    assert all(position <= found.log[f"{place.topic}/{place.index}"][1] for (_, place), position in read_on.items())
    assert found.digests["metrics.orders"].startswith("40:")
    assert set(found.waiting.values()) == {0}


async def test_what_cannot_be_written_is_said_in_a_sentence(database_url: str, tmp_path: Path):
    about = {"kafka": None, "version": "x", "now": datetime(2026, 11, 22, tzinfo=UTC)}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").touch()
    with pytest.raises(NotEmpty, match="a folder of its own"):
        await back_up(database_url, tmp_path / "full", TREES, NAMES, **about)
    with pytest.raises(Failed, match="cannot be written"):
        await back_up(database_url, tmp_path / "full" / "note" / "x", TREES, NAMES, **about)

    async with fresh_database(database_url) as nothing:
        with pytest.raises(Failed, match="nothing to back up"):
            await back_up(nothing, tmp_path / "nothing", TREES, NAMES, **about)


async def test_what_pg_dump_refuses_is_said(database_url: str, tmp_path: Path):
    about = {"kafka": None, "version": "x", "now": datetime(2026, 11, 22, tzinfo=UTC)}
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (broken / name).write_text("#!/bin/sh\necho 'x (PostgreSQL) 99.0'; echo 'disk is on fire.' >&2; exit 1\n")
        (broken / name).chmod(0o755)

    with pytest.raises(Failed, match=r"pg_dump of \w+ failed: disk is on fire\. \[backup\.failed\]"):
        await back_up(database_url, tmp_path / "x", TREES, NAMES, pg_bin=broken, **about)
    with pytest.raises(Partial):
        await checked(tmp_path / "x", TREES)


async def test_the_embedded_server_takes_it(backed_up: BackedUp, data_dir: Path):
    server = EmbeddedServer(data_dir, durable=False)
    url = await server.start()
    try:
        await restore(url, backed_up.folder, backed_up.manifest)
        assert await digests_of(url) == lasting(backed_up.manifest.digests)
    finally:
        await server.stop()


# Where the log must stand for a restored database to go on.


async def test_what_came_since_is_counted_and_what_retention_took_is_told(backed_up: BackedUp, empty_database_url: str):
    url, manifest = empty_database_url, await checked(backed_up.folder, TREES)
    await restore(url, backed_up.folder, manifest)
    async with running_platform(url, SERVICES) as shop:
        assert sum((await since(shop.platform.bus, manifest)).again.values()) == 0
        await send(shop, [order(number, 2) for number in range(100, 107)])
        await shop.settled()
        found = await since(shop.platform.bus, manifest)
        assert (found.again["ingest"], found.again["orders"], dict(found.gone)) == (7, 7, {})

        connection = await asyncpg.connect(plain_url(url))
        try:
            await connection.execute("DELETE FROM bus.records_ingest")
        finally:
            await connection.close()
        found = await since(shop.platform.bus, manifest)
    assert found.gone["ingest"] > 0
    assert "orders" not in found.gone


async def test_another_log_is_refused(backed_up: BackedUp, database_url: str):
    bus = PostgresBus(database_url)
    await bus.start()
    try:
        await bus.ensure_topics(TOPICS, partitions=4)
        with pytest.raises(OtherLog, match=r"has read \w+/\d up to \d+, and it ends at 0.*--new-log"):
            await since(bus, backed_up.manifest)
    finally:
        await bus.stop()


async def test_with_a_new_log_consumers_begin_at_its_beginning(backed_up: BackedUp, empty_database_url: str):
    await restore(empty_database_url, backed_up.folder, backed_up.manifest, forget_positions=True)

    connection = await asyncpg.connect(plain_url(empty_database_url))
    try:
        left = [await connection.fetchval(f"SELECT count(*) FROM {each.name}.offsets") for each in SERVICES]
        kept = await connection.fetchval("SELECT count(*) FROM metrics.orders")
    finally:
        await connection.close()
    assert (sum(left), kept) == (0, 40)
