"""A PostgreSQL server of a test's own, which it may crash, stop and start again."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.testing.postgres import scratch_folder

END_SECONDS = 20.0


class PrivatePostgres:
    """Durable, as in production: what was committed survives the crash."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self._folder = folder
        self._server = EmbeddedServer(folder)

    async def start(self) -> None:
        """Start, or start again, at the same URL."""
        self.url = await self._server.start()

    async def crash(self) -> None:
        """End it as `pg_ctl stop -m immediate` does: no checkpoint, every session cut; the next start recovers."""
        os.kill(postmaster(self._folder), signal.SIGQUIT)
        async with asyncio.timeout(END_SECONDS):
            await self._server.stop()

    async def stop(self) -> None:
        """End it in order."""
        await self._server.stop()

    def freeze(self) -> None:
        """SIGSTOP: every connection stays, and nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        # The postmaster first: it must not see a child stop, nor make new ones meanwhile.
        first = postmaster(self._folder)
        children = [each for each in Path("/proc").iterdir() if each.name.isdigit() and _parent(each) == first]
        for pid in (first, *(int(each.name) for each in children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def cut_sessions(self) -> int:
        """`pg_terminate_backend` for every session but our own; how many."""
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            return int(
                await connection.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
        finally:
            await connection.close()


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def postmaster(data_dir: Path) -> int:
    """The process id of the embedded server of a data directory."""
    found = running((data_dir / "pg").resolve() / "data")
    assert found is not None, "no server runs there"
    return found[0]


@asynccontextmanager
async def private_postgres() -> AsyncIterator[PrivatePostgres]:
    """A running server, removed with all its data at the end."""
    with scratch_folder(in_memory=True) as folder:
        server = PrivatePostgres(folder)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
