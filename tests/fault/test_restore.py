"""A machine is lost under load: a back-up taken while it worked goes on elsewhere, and nothing is lost or doubled.

On Kafka that holds for everything acknowledged, for the log still has what came after the back-up. On the PostgreSQL
log what was acknowledged between the back-up and the loss is gone with the machine, and everything else is there once.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from installation import ALL, Installation, until
from restoring import lasting, restored

from shared.backup.errors import Partial
from shared.backup.manifest import Manifest, read
from shared.bus.choose import open_bus
from shared.bus.postgres.connections import plain_url
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.testing.outage import private_postgres
from shared.testing.platform import PlatformProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    """An empty database of another cluster."""
    async with private_postgres() as server:
        yield server.url


@asynccontextmanager
async def moved(firm: Installation, url: str) -> AsyncIterator[Installation]:
    """The same firm on another database: on Kafka with the same log, else with the log that was restored."""
    async with AsyncExitStack() as stack:
        bus = firm.bus
        if "TAM_KAFKA_BOOTSTRAP_SERVERS" not in firm.environ:
            bus = open_bus(PlatformSettings(database_url=url), url, sole=False)
            await bus.start()
            stack.push_async_callback(bus.stop)
        eyes = []
        for service in ALL:
            eyes.append((service, Database(make_engine(url, schema=service.name, pool_size=None), schema=service.name)))
            stack.push_async_callback(eyes[-1][1].dispose)
        yield replace(at(firm, url), url=url, bus=bus, databases=eyes)


def at(firm: Installation, url: str) -> Installation:
    """For commands on another database, which may be empty."""
    return replace(firm, environ={**firm.environ, "TAM_DATABASE_URL": url})


async def schemas(url: str, manifest: Manifest) -> int:
    connection = await asyncpg.connect(plain_url(url))
    try:
        found = "SELECT count(*) FROM pg_namespace WHERE nspname = ANY($1::text[])"
        return int(await connection.fetchval(found, manifest.schemas))
    finally:
        await connection.close()


def started_again(there: Installation, lost: PlatformProcess, log: Path) -> PlatformProcess:
    """A process where clients look for the one that was lost; it ends with the test."""
    made = PlatformProcess(environ=there.environ, log=log, port=lost.port, zygote=there.zygote)
    there.processes.append(made)
    return made


@pytest.mark.parametrize("kafka", ["kafka"], indirect=True)
async def test_on_kafka_a_lost_machine_loses_nothing(firm: Installation, elsewhere: str, tmp_path: Path):
    folder, process = tmp_path / "backup", firm.process()
    await process.start()
    async with firm.load(process).running() as load:
        await load.acknowledged(200)
        await firm.command("backup", str(folder))
        await load.acknowledged(150)
        process.kill()
        manifest = read(folder)
        said = await at(firm, elsewhere).command("restore", str(folder), "--no-erasures")
        async with moved(firm, elsewhere) as there:
            assert await restored(elsewhere, manifest) == lasting(manifest.digests)
            again = started_again(there, process, tmp_path / "again.log")
            await again.start()
            await load.acknowledged(150, patience_seconds=90)
    # Every client has finished what it had begun, before, meanwhile and after.
    read_again = re.search(r"Kafka holds ([0-9,]+) records", said)
    assert read_again is not None
    assert int(read_again[1].replace(",", "")) > 150, said
    async with moved(firm, elsewhere) as there:
        await there.settled()
        verdict = await there.judged(again)
        assert verdict.problems() == [], there.story()
        assert " DIFFERENT" not in await there.command("replay", "metrics", "--verify")


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_the_log_of_postgresql_comes_back_with_its_tables(firm: Installation, elsewhere: str, tmp_path: Path):
    folder, history, process = tmp_path / "backup", firm.history, firm.process()
    await process.start()
    async with firm.load(process).running() as load:
        await load.acknowledged(200)
        before = set(history.acknowledged)
        await firm.command("backup", str(folder))
        await load.acknowledged(100)
    process.kill()
    manifest = read(folder)
    # What came after that moment is gone with the machine; what came before it is promised.
    history.unknown |= history.acknowledged - before
    history.acknowledged &= before
    await at(firm, elsewhere).command("restore", str(folder), "--no-erasures")
    async with moved(firm, elsewhere) as there:
        assert await restored(elsewhere, manifest) == lasting(manifest.digests)
        again = started_again(there, process, tmp_path / "again.log")
        await again.start()
        async with there.load(again, name="later").running() as load:
            await load.acknowledged(150)
        await there.settled()
        verdict = await there.judged(again)
        assert verdict.problems() == [], there.story()
        assert " DIFFERENT" not in await there.command("replay", "metrics", "--verify")


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_whoever_is_killed_backs_up_or_restores_again(firm: Installation, elsewhere: str, tmp_path: Path):
    process = firm.process()
    await process.start()
    async with firm.load(process).running() as load:
        await load.acknowledged(400)
    await firm.settled()

    partial = tmp_path / "partial"
    forked = firm.zygote.spawn(["backup", str(partial)], environ=firm.environ, log=tmp_path / "partial.log")
    await until(lambda: any(partial.glob("*.dump")), "a file is begun")
    forked.kill()
    with pytest.raises(Partial):
        read(partial)

    folder = tmp_path / "whole"
    await firm.command("backup", str(folder))
    manifest = read(folder)
    arguments, there = ["restore", str(folder), "--no-erasures"], at(firm, elsewhere)
    forked = firm.zygote.spawn(arguments, environ=there.environ, log=tmp_path / "killed.log")
    await until(lambda: writes(elsewhere), "the restore is under way")
    forked.kill()
    await until(lambda: is_quiet(elsewhere), "its session ends")
    assert await schemas(elsewhere, manifest) == 0

    await there.command(*arguments)
    assert await restored(elsewhere, manifest) == lasting(manifest.digests)


async def sessions(url: str, condition: str) -> int:
    connection = await asyncpg.connect(plain_url(url))
    try:
        counted = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backup' AND {condition}"
        return int(await connection.fetchval(counted))
    finally:
        await connection.close()


async def writes(url: str) -> bool:
    """Whether the restore has made something that nobody sees yet."""
    return await sessions(url, "backend_xid IS NOT NULL") > 0


async def is_quiet(url: str) -> bool:
    return await sessions(url, "true") == 0


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_back_ups_in_a_row_hold_nobody_up(firm: Installation, tmp_path: Path):
    process = firm.process()
    await process.start()
    async with firm.load(process).running() as load:
        await load.acknowledged(50)
        for number in range(5):
            await firm.command("backup", str(tmp_path / str(number)))
            assert "is whole" in await firm.command("restore", str(tmp_path / str(number)), "--check")
        during = len(firm.history.acknowledged)
    await firm.settled()
    assert during > 100
    assert (await firm.judged(process)).problems() == []
