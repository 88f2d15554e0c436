"""The public ingest API as a client sees it: batches in, verdicts out, polite retries.

`tam demo` and `tam import` send through it, so what they do a shop can do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx
import orjson

from shared.errors import UserError

BATCH = 500
SIDE_BY_SIDE = 4
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Item:
    """One event to send, and the line of the file it came from."""

    line: int
    event: dict[str, Any]


@dataclass(slots=True)
class Sent:
    """What became of the items: how many were taken, and why others were not."""

    accepted: int = 0
    rejected: list[tuple[int, str, str]] = field(default_factory=list)


class Door:
    """Sends events to `/v1/batch` with a write key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, items: Iterable[Item], *, moved: Callable[[int], None]) -> Sent:
        """Send everything, a few batches side by side; `moved` hears how many were answered.

        Raises:
            UserError: the server refused the key or a whole batch, or did not answer for two minutes.
        """
        sent = Sent()
        source = iter(items)

        async def lane() -> None:
            while batch := list(islice(source, BATCH)):
                answer = await self._post([item.event for item in batch])
                sent.accepted += int(answer["accepted"])
                for verdict in answer["rejected"]:
                    sent.rejected.append((batch[verdict["index"]].line, verdict["code"], verdict["message"]))
                moved(len(batch))

        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(lane())
        return sent

    async def _post(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        body = orjson.dumps({"batch": events})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    response = await self._client.post("/v1/batch", content=body)
                except httpx.TransportError:
                    await asyncio.sleep(1)
                    continue
                if response.status_code in (429, 503):
                    await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
                    continue
                if response.status_code != 200:
                    raise UserError(f"The server refused a batch: {_reason(response)}")
                answer: dict[str, Any] = response.json()
                return answer


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return f"{response.status_code} {problem['code']}: {problem['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


@asynccontextmanager
async def open_door(base_url: str, write_key: str) -> AsyncIterator[Door]:
    """A door to the server at `base_url`."""
    async with httpx.AsyncClient(base_url=base_url, auth=(write_key, ""), timeout=60) as client:
        yield Door(client)
