"""One small question, asked again and again: on a connection that is kept for it, at a fifth of the usual price."""

import contextlib
from typing import Any

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.engine import Database


class Peephole:
    """Asks `statement`, which reads one truth value and is a transaction of its own."""

    def __init__(self, db: Database, statement: str) -> None:
        self._db = db
        self._statement = statement
        self._connection: AsyncConnection | None = None

    async def look(self) -> bool:
        """The answer; True where there is none, for whoever comes will find out why."""
        try:
            return bool(await (await self._driver()).fetchval(self._statement))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError):
            await self.close(is_broken=True)
            return True

    async def close(self, *, is_broken: bool = False) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError):
            if is_broken:
                await connection.invalidate()
            await connection.close()

    async def _driver(self) -> Any:
        if self._connection is None:
            self._connection = await self._db.engine.connect()
        return (await self._connection.get_raw_connection()).driver_connection
