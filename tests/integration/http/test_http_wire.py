"""The edge behind a real server, spoken to over sockets: what a client library would smooth over."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from shared.db.engine import Database
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.http.settings import HttpSettings
from shared.observability.health import Health
from shared.observability.metrics import REGISTRY

LIMIT = 10_000
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def port(databases: dict[str, Database], ring: KeyRing) -> AsyncIterator[int]:
    app = make_app(
        title="Wire",
        version="1",
        manifests=[],
        services={},
        databases={},
        keyring=ring,
        health=Health(),
        settings=HttpSettings(max_body_bytes=LIMIT, body_seconds=0.5, rate_per_second=1, rate_burst=3),
    )

    @app.post("/v1/echo")
    async def echo(body: dict[str, str]) -> dict[str, str]:
        return body

    server = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, object]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return int(status.split()[1]), headers, json.loads(body)


def post(length: int | None, *, close: bool = False) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{size}\r\n"
        f"{'Connection: close' if close else 'X: y'}\r\n\r\n"
    ).encode()


class TestTooLarge:
    async def test_a_declared_length_is_refused_before_the_body_is_sent(self, port: int) -> None:
        async with connected(port) as (reader, writer):
            writer.write(post(50_000_000))

            status, headers, body = await answer(reader)

        assert (status, body["code"]) == (413, "body_too_large")
        assert headers["content-type"] == "application/problem+json"

    async def test_endless_chunks_are_cut_off(self, port: int) -> None:
        async with connected(port) as (reader, writer):
            writer.write(post(None))
            for _ in range(20):
                writer.write(b"3e8\r\n" + b" " * 1000 + b"\r\n")

            status, _, body = await answer(reader)

        assert (status, body["code"]) == (413, "body_too_large")

    async def test_the_next_request_of_the_connection_is_answered_or_the_connection_closed(self, port: int) -> None:
        """An answer before the end of the body must not make the rest of the body the next request."""
        async with connected(port) as (reader, writer):
            smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".ljust(LIMIT + 5)
            writer.write(post(len(smuggled)) + smuggled)
            status, _, _ = await answer(reader)

            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                _, _, body = await answer(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                body = {"status": "ready"}

        assert status == 413
        assert body["status"] == "ready"


class TestSlowAndGone:
    async def test_a_body_that_trickles_is_given_up_on(self, port: int) -> None:
        async with connected(port) as (reader, writer):
            writer.write(post(100) + b"{")
            reading = asyncio.create_task(answer(reader))
            while not reading.done():
                writer.write(b" ")
                await asyncio.sleep(0.1)

            status, _, body = await reading

        assert (status, body["code"]) == (408, "slow_body")

    async def test_two_hundred_slow_clients_do_not_keep_others_waiting(self, port: int) -> None:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
        for _, writer in slow:
            writer.write(post(100) + b"{")

        async with asyncio.timeout(2), connected(port) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            status, _, _ = await answer(reader)

        for _, writer in slow:
            writer.close()
        assert status == 200

    async def test_a_client_that_leaves_is_no_error_of_ours(self, port: int) -> None:
        def counted(code: str) -> float:
            labels = {"service": "platform", "route": "/v1/echo", "method": "POST", "code": code}
            return REGISTRY.get_sample_value("tam_http_requests_total", labels) or 0.0

        before = counted("499"), counted("500")
        async with connected(port) as (_, writer):
            writer.write(post(100) + b"{")
            await writer.drain()
        for _ in range(100):
            if counted("499") > before[0]:
                break
            await asyncio.sleep(0.02)

        assert (counted("499"), counted("500")) == (before[0] + 1, before[1])
        assert REGISTRY.get_sample_value("tam_http_requests_in_flight") == 0


class TestRate:
    async def test_over_the_rate_is_429_with_whole_seconds(self, port: int, ring: KeyRing) -> None:
        _, text = await ring.create("secret", "CRM", scopes=["ops:read"])
        request = f"GET /v1/ops/consumers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {text}\r\n\r\n".encode()

        async with connected(port) as (reader, writer):
            statuses = []
            for _ in range(4):
                writer.write(request)
                status, headers, body = await answer(reader)
                statuses.append(status)

        assert statuses == [200, 200, 200, 429]
        assert body["code"] == "rate_limited"
        assert headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "request_line", ["GET /v1/%ff%fe HTTP/1.1", "GET //etc/passwd HTTP/1.1", "GET /v1/..%2f HTTP/1.1", "GET * HTTP/1.1"]
)
async def test_strange_addresses_are_not_found(port: int, request_line: str) -> None:
    async with connected(port) as (reader, writer):
        writer.write(f"{request_line}\r\nHost: x\r\n\r\n".encode())

        status, _, _ = await answer(reader)

    assert status in (400, 404)
