"""A few connections, each use under a deadline of ours.

A deadline cuts the connection instead of cancelling the statement: a cancel request goes over a second connection,
which hangs when the server does. A connection that saw any error is never used again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from shared.bus.base import BusUnavailable
from shared.db.engine import IDLE_IN_TRANSACTION_SECONDS

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 1.0

# InternalClientError: a connection used in the moment between the server's goodbye and the end of the stream.
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


def plain_url(url: str) -> str:
    """The URL as asyncpg reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


class Connections:
    """At most `size` connections, made when needed and kept."""

    def __init__(self, url: str, *, size: int, settings: Mapping[str, str]) -> None:
        self._url = plain_url(url)
        self._settings = {
            "search_path": "bus",
            "application_name": "tam:bus",
            "timezone": "UTC",
            # A member that freezes while it changes its group must not keep the others from it.
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
            "jit": "off",
            **settings,
        }
        self._slots = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []
        self._closed = False

    @asynccontextmanager
    async def use(self, seconds: float) -> AsyncIterator[asyncpg.Connection]:
        """A connection for at most `seconds`, waiting for a free one as long.

        Raises:
            BusUnavailable: PostgreSQL refused, failed or did not answer in time.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            async with asyncio.timeout_at(end):
                await self._slots.acquire()
        except TimeoutError:
            raise BusUnavailable("all connections to PostgreSQL are busy") from None
        try:
            connection = self._idle_one() or await self._connect(min(CONNECT_SECONDS, end - loop.time()))
            timer = loop.call_at(end, connection.terminate)
            try:
                yield connection
            except BaseException:
                connection.terminate()
                raise
            finally:
                timer.cancel()
            self._give_back(connection)
        except FAILURES as error:
            self._drop_idle()
            raise BusUnavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error
        except AttributeError as error:
            # asyncpg between two messages of a statement, when the deadline cuts the connection.
            if loop.time() < end:
                raise
            raise BusUnavailable("PostgreSQL did not answer in time") from error
        finally:
            self._slots.release()

    @asynccontextmanager
    async def transaction(self, seconds: float) -> AsyncIterator[asyncpg.Connection]:
        """The same, in a transaction that commits at the end of the block; an error cuts the connection."""
        async with self.use(seconds) as connection:
            await connection.execute("BEGIN")
            yield connection
            await connection.execute("COMMIT")

    async def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            try:
                await connection.close(timeout=CLOSE_SECONDS)
            except FAILURES:
                connection.terminate()

    def _idle_one(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self, seconds: float) -> asyncpg.Connection:
        if self._closed:
            raise BusUnavailable("the bus was stopped")
        async with asyncio.timeout(seconds):
            return await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, server_settings=self._settings)

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if self._closed:
            connection.terminate()
        elif not connection.is_closed():
            self._idle.append(connection)

    def _drop_idle(self) -> None:
        # Where one connection broke the others are likely dead too.
        while self._idle:
            self._idle.pop().terminate()
