"""Real PostgreSQL for tests: a throw-away server, and a fresh database for each test."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from shared.db.embedded import EmbeddedServer

TIMEOUT_SECONDS = 30


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that the server's user can reach, also when the tests run as root; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tam-test-", dir="/tmp"))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def throwaway_server() -> Iterator[str]:
    """The URL of an embedded server that forgets everything at the end, and in a power cut."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder, durable=False)
        url = asyncio.run(server.start())
        try:
            yield url
        finally:
            asyncio.run(server.stop())


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextlib.asynccontextmanager
async def fresh_database(url: str) -> AsyncIterator[str]:
    """The URL of a new, empty database on the server of `url`; dropped at the end, whoever is still connected."""
    name = f"test_{uuid4().hex[:16]}"
    await _execute(url, f"CREATE DATABASE {name}")
    try:
        yield with_database(url, name)
    finally:
        await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    dsn = url.replace("postgresql+asyncpg://", "postgresql://", 1)
    connection = await asyncpg.connect(dsn, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
