"""Between versions of PostgreSQL: an older server with newer programs, and from an older server to a newer one."""

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from backup_world import TREES, digests_of, lasting

from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.backup.errors import Newer
from shared.backup.loading import checked, restore
from shared.backup.programs import tools_for
from shared.db.installation import programs, server_user
from shared.runtime.platform import migrate
from shared.testing.postgres import fresh_database, scratch_folder

pytestmark = pytest.mark.long

# The oldest that we stand on.
OLD = Path("/usr/lib/postgresql/15/bin")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def old_server() -> Iterator[str]:
    """A PostgreSQL 15 of Debian's."""
    if not (OLD / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed here")
    with scratch_folder(in_memory=True) as folder:
        user = server_user(folder / "none")
        as_user = user.popen_arguments if user else {}
        cluster, sockets = folder / "data", folder / "s"
        for each in (cluster, sockets):
            each.mkdir(mode=0o700)
            if user:
                os.chown(each, user.uid, user.gid)
        how = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = [OLD / "initdb", "-D", cluster, "-U", "tam", *how]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **as_user)
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}", "-c", "fsync=off"]
        locks = ["-c", "max_locks_per_transaction=256"]
        process = subprocess.Popen(
            [OLD / "postgres", "-D", cluster, *options, *locks],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **as_user,
        )
        try:
            while not (sockets / ".s.PGSQL.5432").exists() or not _answers(sockets):
                assert process.poll() is None
                time.sleep(0.1)
            yield f"postgresql://tam@/postgres?host={sockets}&port=5432"
        finally:
            process.terminate()
            process.wait()


def _answers(sockets: Path) -> bool:
    command = [OLD / "pg_isready", "-q", "-h", str(sockets), "-p", "5432"]
    return subprocess.run(command, check=False).returncode == 0


async def test_an_older_server_is_served_by_newer_programs(old_server: str, pg_url: str, tmp_path: Path):
    newer = programs(None)
    assert tools_for(15, newer).major == 18
    async with (
        fresh_database(old_server) as url,
        fresh_database(old_server) as beside,
        fresh_database(pg_url) as newest,
    ):
        await migrate(url, SERVICES)
        about = {"kafka": None, "version": "x", "now": NOW}
        by_newer = await back_up(url, tmp_path / "newer", TREES, NAMES, pg_bin=newer, **about)
        by_own = await back_up(url, tmp_path / "own", TREES, NAMES, **about)
        assert (by_newer.tool.split(".")[0], by_own.tool.split(".")[0]) == ("18", "15")
        assert lasting(by_newer.digests) == lasting(by_own.digests)

        # What pg_dump 18 says and PostgreSQL 15 does not know is left out.
        await restore(beside, tmp_path / "newer", await checked(tmp_path / "newer", TREES), pg_bin=newer)
        assert await digests_of(beside) == lasting(by_newer.digests)
        # From old to new, with the old one's programs.
        await restore(newest, tmp_path / "own", await checked(tmp_path / "own", TREES))
        assert await digests_of(newest) == lasting(by_own.digests)


async def test_a_newer_server_s_back_up_is_refused_by_an_older_one(old_server: str, database_url: str, tmp_path: Path):
    manifest = await back_up(database_url, tmp_path / "new", TREES, NAMES, kafka=None, version="x", now=NOW)

    async with fresh_database(old_server) as older:
        with pytest.raises(Newer, match="and the server is 15"):
            await restore(older, tmp_path / "new", manifest)
