"""Real PostgreSQL for tests: a throw-away server, and a fresh database for each test."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from shared.db.embedded import EmbeddedServer
from shared.runtime.platform import migrate
from shared.runtime.service import Service

TIMEOUT_SECONDS = 30
DISK, MEMORY = Path("/tmp"), Path("/dev/shm")
# A server of the tests takes a few hundred MB, and several run side by side.
ENOUGH_BYTES = 4_000_000_000


@contextlib.contextmanager
def scratch_folder(*, in_memory: bool = False) -> Iterator[Path]:
    """A new folder that the server's user can reach, also when the tests run as root; removed at the end.

    `in_memory` where there is enough of it: on a disk, making and copying databases takes ten times as long.
    """
    _forget_abandoned()
    is_roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    place = MEMORY if in_memory and is_roomy else DISK
    folder = Path(tempfile.mkdtemp(prefix=f"tam-test-{os.getpid()}-", dir=place))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def throwaway_server() -> Iterator[str]:
    """The URL of an embedded server that forgets everything at the end, and in a power cut."""
    with scratch_folder(in_memory=True) as folder:
        server = EmbeddedServer(folder, durable=False)
        url = asyncio.run(server.start())
        try:
            yield url
        finally:
            asyncio.run(server.stop())


def _forget_abandoned() -> None:
    """Give back the memory of test runs that were killed; a server whose files are gone ends by itself."""
    for folder in MEMORY.glob("tam-test-*-*"):
        if not Path(f"/proc/{folder.name.split('-')[2]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextlib.asynccontextmanager
async def fresh_database(url: str, *, template: str = "template1") -> AsyncIterator[str]:
    """The URL of a new database on the server of `url`, empty or a copy; dropped at the end, whoever is connected."""
    name = f"test_{uuid4().hex[:16]}"
    # Copying the files takes a tenth of the time of the default, which sends each page through the log.
    await _execute(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield with_database(url, name)
    finally:
        await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def migrated_template(url: str, manifests: Sequence[Service]) -> Iterator[str]:
    """The name of a database with the schemas of these services, to copy: that takes a tenth of migrating anew.

    A service whose migrations fail is left out: who needs it migrates it as ever, and hears of the failure.
    """
    with asyncio.Runner() as runner:
        database = fresh_database(url)
        made = runner.run(database.__aenter__())
        for manifest in manifests:
            with contextlib.suppress(Exception):  # whatever a half-written migration raises
                runner.run(migrate(made, (manifest,)))
        yield urlsplit(made).path.removeprefix("/")
        runner.run(database.__aexit__(None, None, None))


async def _execute(url: str, statement: str) -> None:
    dsn = url.replace("postgresql+asyncpg://", "postgresql://", 1)
    connection = await asyncpg.connect(dsn, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
