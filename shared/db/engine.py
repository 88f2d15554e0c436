"""One `Database` per service and process: its schema, its pool, its transactions.

All SQL is written unqualified: `search_path` is the service's schema, so no service can read another's by accident.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from sqlalchemy import CursorResult, Executable, Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.events.envelope import Event, EventData

# Long enough for a batch of thousands, short enough that a lost server is noticed.
COMMAND_TIMEOUT_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 5.0
# A process that froze, or whose machine died, in an open transaction must not keep its locks: others wait for them.
IDLE_IN_TRANSACTION_SECONDS = 15.0
# Kept by each connection: more than a service has, so that none is prepared twice.
PREPARED_STATEMENTS = 500

APPLICATION = "tam"

_FROZEN = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name LIKE :application
      AND xact_start IS NOT NULL AND wait_event IN ('ClientRead', 'ClientWrite')
      AND state_change < clock_timestamp() - make_interval(secs => :seconds)
"""


class Outbox(Protocol):
    """Where emitted events are written, inside the transaction that emits them."""

    async def write(self, tx: "ReadTx", events: Sequence[Event[EventData]]) -> None: ...

    def committed(self) -> None:
        """Called after a commit that wrote events, to wake the relay."""
        ...


# To look for `:named` parameters costs as much as a small statement.
@lru_cache(maxsize=1024)
def _text(statement: str) -> TextClause:
    return text(statement)


class ReadTx:
    """An open transaction that reads."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def execute(
        self, statement: Executable | str, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement; a string is SQL with `:named` parameters."""
        return await self.connection.execute(_text(statement) if isinstance(statement, str) else statement, parameters)


class WriteTx(ReadTx):
    """An open transaction that writes, and emits events that leave only if it commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.emitted: list[Event[EventData]] = []
        self._after_commit: list[Callable[[], None]] = []

    def emit(self, event: Event[EventData]) -> None:
        """Announce a fact: it reaches the bus if, and only if, this transaction commits."""
        self.emitted.append(event)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once this has committed: to refresh a cache, never for an effect that must happen."""
        self._after_commit.append(action)


class Database:
    """A service's door to PostgreSQL. A use case opens one `write()` and commits by leaving it."""

    def __init__(self, engine: AsyncEngine, *, schema: str, outbox: Outbox | None = None) -> None:
        self.engine = engine
        self.schema = schema
        self._outbox = outbox

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteTx]:
        """One transaction: commits when the block ends, rolls back if it raises."""
        async with self.engine.connect() as connection, connection.begin():
            tx = WriteTx(connection)
            yield tx
            if tx.emitted:
                if self._outbox is None:
                    raise RuntimeError(f"the database {self.schema!r} has no outbox to emit into")
                await self._outbox.write(tx, tx.emitted)
        if tx.emitted and self._outbox is not None:
            self._outbox.committed()
        for action in tx._after_commit:  # noqa: SLF001 - its own transaction
            action()

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[WriteTx]:
        """A transaction that is undone when the block ends: what a write would do, told to nobody."""
        async with self.engine.connect() as connection, connection.begin() as transaction:
            yield WriteTx(connection)
            await transaction.rollback()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadTx]:
        """One consistent snapshot (repeatable read, read only)."""
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield ReadTx(connection)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[ReadTx]:
        """Statements that are each a transaction of their own: for whoever reads all of it with one.

        Spares the server's and our part in a beginning and an end, which is half of what a short read costs.
        """
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            yield ReadTx(connection)

    async def call(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Run one statement that is a transaction of its own, and return its rows.

        Its locks end with it, on the server: none of them ever waits for this process, busy, frozen or dead.
        """
        async with self.glance() as tx:
            return (await tx.execute(statement, parameters)).fetchall()

    async def ready(self) -> str | None:
        """None if PostgreSQL answers, else a sentence that says what is wrong."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            return f"PostgreSQL does not answer ({type(getattr(error, 'orig', None) or error).__name__})."
        return None

    async def end_frozen_sessions(self) -> int:
        """End sessions whose client left a transaction standing for too long; how many.

        `idle_in_transaction_session_timeout` does most of it, but not where a client froze between the messages of
        one statement: that session counts as active, for ever.
        """
        async with self.engine.connect() as connection:
            ended = await connection.execute(
                text(_FROZEN), {"seconds": IDLE_IN_TRANSACTION_SECONDS, "application": f"{APPLICATION}%"}
            )
            return len(ended.fetchall())

    async def dispose(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


def async_url(url: str) -> str:
    """The URL with the driver we use."""
    for scheme in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url.removeprefix(scheme)
    raise ValueError("a database URL begins with postgresql://")


def with_tls(url: str) -> tuple[str, dict[str, Any]]:
    """The URL without `sslmode` and the like, and what the driver is told instead.

    They mean what they mean to `psql`, and asyncpg knows how, but reads them out of a URL alone; SQLAlchemy takes URLs
    apart.
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    rest = [(name, value) for name, value in query if not name.startswith("ssl")]
    if len(rest) == len(query):
        return url, {}
    dsn = "postgresql://" + url.partition("://")[2]
    return parts._replace(query=urlencode(rest)).geturl(), {"dsn": dsn}


def make_engine(url: str, *, schema: str, pool_size: int | None = 12, application: str = APPLICATION) -> AsyncEngine:
    """An engine whose connections see `schema` first. `pool_size` None opens a connection per use."""
    url, tls = with_tls(url)
    connect_args: dict[str, Any] = {
        **tls,
        "prepared_statement_cache_size": PREPARED_STATEMENTS,
        "timeout": CONNECT_TIMEOUT_SECONDS,
        "command_timeout": COMMAND_TIMEOUT_SECONDS,
        "server_settings": {
            "search_path": schema,
            "application_name": f"{application}:{schema}",
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
            # A planner that compiles 20 µs queries costs more than it saves.
            "jit": "off",
        },
    }
    options: dict[str, Any] = (
        {"poolclass": NullPool}
        if pool_size is None
        # None beyond the pool: such a connection is closed after each use, and opening one costs both sides more than
        # what it is opened for. The one used last is taken first: its statements are prepared.
        else {
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_use_lifo": True,
            "pool_timeout": 10,
            "pool_recycle": 1800,
        }
    )
    return create_async_engine(
        async_url(url),
        connect_args=connect_args,
        # The text of an error ends in logs and dead letters: it must not quote the values of a statement.
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        **options,
    )
