"""PostgreSQL over TLS: a server that takes no plain connection, and clients that take no other server.

The server of the wheel knows no TLS: these tests want one of the system (Debian: apt install postgresql).
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
from certificates import make_authority

from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings, load
from shared.db.engine import Database, make_engine
from shared.db.installation import server_user
from shared.errors import ConfigError, UserError
from shared.runtime.platform import migrate
from shared.testing.platform import PlatformProcess
from shared.testing.ports import free_port
from shared.testing.postgres import scratch_folder

PASSWORD = "canary/p@ss word#1"
QUOTED = "canary%2Fp%40ss%20word%231"
START_SECONDS = 30.0
SYSTEM_SERVERS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Demanding:
    """A server that wants TLS and a password."""

    port: int
    authority: Path
    stranger: Path

    def url(self, query: str, host: str = "127.0.0.1", password: str = QUOTED) -> str:
        """Its URL, as it stands in a setting."""
        return f"postgresql://tam:{password}@{host}:{self.port}/postgres{'?' if query else ''}{query}"

    @property
    def right(self) -> str:
        """What the manual says to set."""
        return self.url(f"sslmode=verify-full&sslrootcert={self.authority}")


def programs() -> Path:
    """The newest server of the system; without one these tests are skipped, or fail where it is required."""
    found = sorted(SYSTEM_SERVERS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        reason = "There is no PostgreSQL with TLS here (Debian: apt install postgresql)"
        if os.environ.get("TAM_REQUIRE_POSTGRESQL") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found[-1].parent


@pytest.fixture(scope="module")
def demanding() -> Iterator[Demanding]:
    bin_dir = programs()
    with scratch_folder(in_memory=True) as folder:
        port, data = free_port(), folder / "data"
        authority, stranger = make_authority(folder, "authority"), make_authority(folder, "stranger")
        (folder / "password").write_text(PASSWORD)
        certificate, key = authority.sign(folder)
        user = server_user(folder)
        if user is not None:
            for path in (folder, key, folder / "password"):
                shutil.chown(path, user.uid, user.gid)
        as_user = {} if user is None else user.popen_arguments
        arguments = (
            "-U",
            "tam",
            "--pwfile",
            folder / "password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
        )
        subprocess.run([bin_dir / "initdb", "-D", data, *arguments], check=True, capture_output=True, **as_user)
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "ssl": "on",
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
            "fsync": "off",
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [bin_dir / "postgres", "-D", data, "-p", str(port), *given], stdout=log, stderr=log, **as_user
            )
        try:
            found = Demanding(port, authority.file, stranger.file)
            asyncio.run(_until_ready(found, folder / "log"))
            yield found
        finally:
            server.terminate()
            server.wait(30)


async def _until_ready(server: Demanding, log: Path) -> None:
    deadline = monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(server.right)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            assert monotonic() < deadline, log.read_text()
            await asyncio.sleep(0.05)
        else:
            return


async def test_everything_that_connects_is_encrypted(demanding: Demanding):
    """The services' pools, the log of events and the migrations: each by the URL alone."""
    settings = load(PlatformSettings, environ={"TAM_DATABASE_URL": demanding.right})
    assert settings.database_url is not None
    await migrate(settings.database_url, ())
    db = Database(make_engine(settings.database_url, schema="public", pool_size=2), schema="public")
    bus = PostgresBus(settings.database_url, sole=False)
    try:
        await bus.start()
        rows = await db.call(
            "SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'tam'"
        )
        assert await bus.ready() is None
        assert await db.ready() is None
    finally:
        await bus.stop()
        await db.dispose()
    assert [tuple(row) for row in rows] == [(True, "TLSv1.3")]


async def test_the_password_may_stand_in_a_file_of_its_own(demanding: Demanding, tmp_path: Path):
    """As in containers: the URL has no password, a file has it, with characters that a URL would not take."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    url = demanding.right.replace(f":{QUOTED}@", "@")
    environ = {"TAM_DATABASE_URL": url, "TAM_DATABASE_PASSWORD_FILE": str(tmp_path / "password")}
    found = load(PlatformSettings, environ=environ).database_url
    assert found is not None
    await migrate(found, (), apply=False)


@pytest.mark.parametrize(
    ("query", "host", "password", "told"),
    [
        ("sslmode=verify-full&sslrootcert={stranger}", "127.0.0.1", QUOTED, "certificate verify failed"),
        ("sslmode=verify-full&sslrootcert={authority}", "localhost", QUOTED, "hostname mismatch"),
        ("sslmode=disable", "127.0.0.1", QUOTED, "no encryption"),
        ("sslmode=verify-full&sslrootcert=/nowhere.pem", "127.0.0.1", QUOTED, "no such file"),
        ("sslmode=verify-fully&sslrootcert={authority}", "127.0.0.1", QUOTED, "sslmode"),
        ("sslmode=verify-full&sslrootcert={authority}", "127.0.0.1", "canary-guess", "password authentication failed"),
    ],
    ids=["stranger", "name", "plain", "no file", "mode", "password"],
)
async def test_a_wrong_setting_ends_in_one_sentence(
    demanding: Demanding, query: str, host: str, password: str, told: str
):
    """It says what is wrong, and holds no password."""
    query = query.format(stranger=demanding.stranger, authority=demanding.authority)
    with pytest.raises(UserError) as refused:
        await migrate(demanding.url(query, host, password), ())

    sentence = str(refused.value)
    assert told in sentence.lower()
    assert "canary" not in sentence
    assert "\n" not in sentence.strip()


def test_a_url_that_cannot_be_read_says_nothing_of_its_password():
    """A slash in a password makes a port of it: the library would quote it."""
    for url in ("postgresql://tam:canary/word@db:5432/tam", "postgresql://tam:canary#word@db/tam"):
        with pytest.raises(ConfigError) as refused:
            load(PlatformSettings, environ={"TAM_DATABASE_URL": url})
        assert "TAM_DATABASE_URL" in str(refused.value)
        assert "canary" not in str(refused.value)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_every_way_to_run_the_product(demanding: Demanding, tmp_path: Path):
    """Migrations, commands, an api and a worker: each works over TLS, and ends in a line where it may not."""
    right = {"TAM_DATABASE_URL": demanding.right}
    wrong = {"TAM_DATABASE_URL": demanding.url(f"sslmode=verify-full&sslrootcert={demanding.stranger}")}
    for command in (("migrate",), ("keys", "list"), ("topics", "--create"), ("dlq", "list")):
        ended = await tam(*command, **right)
        assert ended[0] == 0, ended
        code, said = await tam(*command, **wrong)
        assert (code, said.count("\n")) == (1, 1)
        assert "certificate verify failed" in said
        assert "canary" not in said
    for role in ("api", "worker"):
        process = PlatformProcess(environ=right, log=tmp_path / f"{role}.log", arguments=("--role", role))
        await process.start()
        assert await process.stop() == 0
        assert "canary" not in process.log.read_text()
        code, said = await tam("serve", "--role", role, **wrong)
        assert code == 1
        assert "certificate verify failed" in said


async def tam(*arguments: str, **environ: str) -> tuple[int, str]:
    """A command of its own process: its exit code and what it said to people."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *arguments, env={**clean, **environ}, stdout=-1, stderr=-1
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()
