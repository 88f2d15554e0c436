"""The public ingest API as a client sees it: batches in, verdicts out, polite retries.

`tam demo` and `tam import` send through it, so what they do a shop can do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import httpx
import orjson

from shared.errors import UserError

BATCH = 500
SIDE_BY_SIDE = 4
PATIENCE_SECONDS = 120.0
REQUEST_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Item:
    """One event to send, and the line of the file it came from."""

    line: int
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event the server did not take, and why. `line` is the file's."""

    line: int
    code: str
    message: str


@dataclass(slots=True)
class Sent:
    """What became of the items: how many were stored, and how many of them were refused."""

    accepted: int = 0
    rejected: int = 0


class Door:
    """Sends events to `/v1/batch` with a write key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def knock(self) -> None:
        """Make sure that somebody is there.

        Raises:
            UserError: nobody answers at the URL, or not as Tâm does.
        """
        try:
            response = await self._client.get("/healthz")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(f"Nobody answers at {self._client.base_url}: {error or type(error).__name__}.") from error
        if response.status_code != 200:
            raise UserError(f"{self._client.base_url} answers, but not as Tâm does ({_reason(response)}).")

    async def send(
        self, items: Iterable[Item], *, moved: Callable[[int], None], refused: Callable[[Rejection], None]
    ) -> Sent:
        """Send everything, a few batches side by side; `moved` hears how many were answered.

        `items` may be endless: no more than the batches under way are held.

        Raises:
            UserError: the server refused the key or a whole batch, or did not answer for two minutes.
        """
        sent = Sent()
        source = iter(items)

        async def lane() -> None:
            while batch := list(islice(source, BATCH)):
                answer = await self._post([item.event for item in batch])
                sent.accepted += int(answer["accepted"])
                sent.rejected += len(answer["rejected"])
                for verdict in answer["rejected"]:
                    refused(Rejection(batch[verdict["index"]].line, verdict["code"], verdict["message"]))
                moved(len(batch))

        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(lane())
        return sent

    async def _post(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        body = orjson.dumps({"batch": events})
        reason = "no answer"
        pause = FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        response = await self._client.post("/v1/batch", content=body)
                    except httpx.TransportError as error:
                        reason = str(error) or type(error).__name__
                    else:
                        if response.status_code not in (429, 503):
                            return _verdicts(response)
                        reason = _reason(response)
                        pause = max(pause, _retry_after(response))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            raise UserError(f"The server took no batch for {PATIENCE_SECONDS:.0f} s: {reason}.") from None


def _verdicts(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise UserError(f"The server refused a batch: {_reason(response)}")
    try:
        answer: dict[str, Any] = response.json()
        if isinstance(answer["accepted"], int) and isinstance(answer["rejected"], list):
            return answer
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{response.url} does not answer as Tâm does.")


def _retry_after(response: httpx.Response) -> float:
    try:
        return min(float(response.headers.get("Retry-After", "0")), PATIENCE_SECONDS)
    except ValueError:
        return 0.0


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return f"{response.status_code} {problem['code']}: {problem['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


@asynccontextmanager
async def open_door(base_url: str, write_key: str) -> AsyncIterator[Door]:
    """A door to the server at `base_url`.

    Raises:
        UserError: the URL is none.
    """
    try:
        # A proxy of the environment is for elsewhere.
        is_here = httpx.URL(base_url).host in ("127.0.0.1", "::1", "0.0.0.0", "localhost")
        client = httpx.AsyncClient(
            base_url=base_url, auth=(write_key, ""), timeout=REQUEST_SECONDS, trust_env=not is_here
        )
    except httpx.InvalidURL as error:
        raise UserError(f"{base_url!r} is not a URL: {error}.") from error
    async with client:
        yield Door(client)
