"""Requests as polite clients make them: a few hosts in turn, the same request again until its outcome is known."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx
import orjson

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
REQUEST_SECONDS = 30.0
CONNECTIONS = 200


class GaveUp(Exception):
    """Nobody knows what became of a request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status below 500 and its JSON."""

    status: int
    body: Any

    @property
    def is_success(self) -> bool:
        """Whether it was done."""
        return self.status < 300

    @property
    def code(self) -> str:
        """Of a refusal."""
        return str(self.body.get("code", self.status)) if isinstance(self.body, dict) else str(self.status)


@dataclass
class Wire:
    """The platform's API. `outcomes` counts statuses and errors; `patience_seconds` is for one request."""

    clients: Sequence[httpx.AsyncClient]
    write_key: str
    secret_key: str
    patience_seconds: float = 90.0
    outcomes: Counter[str] = field(default_factory=Counter)
    _turn: int = 0

    async def tell(self, calls: Sequence[Any]) -> Reply:
        """Send calls with the write key."""
        return await self.ask("POST", "/v1/batch", {"batch": list(calls)}, auth=(self.write_key, ""))

    async def do(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Reply:
        """Ask as a CRM does; `key` is the idempotency key of a request that must not count twice."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.ask(method, path, body, headers=headers)

    async def read(self, path: str, **params: Any) -> Any:
        """What the platform says; None where there is nothing.

        Raises:
            GaveUp: it refuses to say.
        """
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        reply = await self.ask("GET", path, headers=headers, params=params)
        if reply.status == 404:
            return None
        if not reply.is_success:
            raise GaveUp(f"GET {path}: {reply.status} {reply.body}")
        return reply.body

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Send until there is an answer that stands.

        Raises:
            GaveUp: there is none within the patience.
        """
        content = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        deadline, pause, reason = monotonic() + self.patience_seconds, FIRST_PAUSE_SECONDS, ""
        while monotonic() < deadline:
            self._turn += 1
            client = self.clients[self._turn % len(self.clients)]
            try:
                response = await client.request(method, path, content=content, headers=headers, **options)
            except httpx.TransportError as error:
                reason = type(error).__name__
                self.outcomes[reason] += 1
            else:
                self.outcomes[str(response.status_code)] += 1
                if response.status_code not in (429, 500, 502, 503, 504):
                    return Reply(response.status_code, orjson.loads(response.content) if response.content else None)
                reason = f"{response.status_code} {response.text[:200]}"
                pause = max(pause, _retry_after(response))
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        raise GaveUp(f"{method} {path}: {reason}")


def _retry_after(response: httpx.Response) -> float:
    try:
        return float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0


@asynccontextmanager
async def connected(urls: Sequence[str], write_key: str, secret_key: str, **options: Any) -> AsyncIterator[Wire]:
    """Connections to these hosts, for the block."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    clients = [httpx.AsyncClient(base_url=url, limits=limits, timeout=REQUEST_SECONDS, trust_env=False) for url in urls]
    try:
        yield Wire(clients, write_key, secret_key, **options)
    finally:
        for client in clients:
            await client.aclose()
