"""The public API as the systems of a firm call it: what is made twice by the same words is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from shared.errors import UserError
from shared.ids import derived_id
from shared.load.wire import Wire

# Requests under way at a time.
AT_ONCE = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """Requests with the secret key. `name` tells its idempotency keys from those of others."""

    wire: Wire
    name: str

    async def make(self, path: str, body: Any) -> Any:
        """POST; what was made already by exactly this is found again.

        Raises:
            UserError: the platform refuses.
        """
        return await self._done("POST", path, body, key=self._key(path, body))

    async def put(self, path: str, body: Any) -> Any:
        """PUT.

        Raises:
            UserError: the platform refuses.
        """
        return await self._done("PUT", path, body, key=self._key(path, body))

    async def read(self, path: str, **params: Any) -> Any:
        """GET; None where there is nothing."""
        return await self.wire.read(path, **params)

    async def _done(self, method: str, path: str, body: Any, *, key: str) -> Any:
        reply = await self.wire.do(method, path, body, key=key)
        if not reply.is_success:
            raise UserError(f"The platform refuses {method} {path}: {reply.status} {reply.body}")
        return reply.body

    def _key(self, path: str, body: Any) -> str:
        return str(derived_id("tam demo", self.name, path, orjson.dumps(body).decode()))


async def each(of: Iterable[T], do: Callable[[T], Awaitable[None]], moved: Callable[[int], None]) -> None:
    """Do something with each, some side by side; `moved` hears of every one."""
    queue = iter(of)

    async def one_after_the_other() -> None:
        for item in queue:
            await do(item)
            moved(1)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_the_other())
