"""The load generator, a process of its own: `load.py flood|steady URL KEY …` prints one JSON document.

It writes HTTP/1.1 by hand: a client library costs more CPU than the server under test.
"""

import asyncio
import base64
import json
import sys
from itertools import cycle
from time import monotonic, time_ns
from urllib.parse import urlsplit

import asyncpg
import orjson

CONNECTIONS = 8
PROBE_SECONDS = 0.01


class Wire:
    """One kept-alive connection."""

    def __init__(self, url: str, authorization: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = f"Host: {parts.netloc}\r\nAuthorization: {authorization}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=2**22)
        reader, writer = self._streams
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await reader.readexactly(length)


def basic(key: str) -> str:
    """The write key as SDKs send it."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def order(number: int, moment: str) -> dict[str, object]:
    """An order as a shop's SDK sends it, about 420 bytes; every fifth is by a customer who comes again."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"load-{moment}-{number}",
        "userId": f"customer-{number - number % 5}" if number % 5 == 1 else f"customer-{number}",
        "properties": {
            "order_id": f"order-{moment}-{number}",
            "total": f"{number % 900 + 1}.99",
            "currency": "USD",
            "products": [{"product_id": "sku-1", "name": "Coffee", "price": 4.5, "quantity": 2}],
        },
        "context": {"library": {"name": "load", "version": "1"}, "page": {"path": "/thanks", "title": "Thanks"}},
    }


async def flood(url: str, key: str, count: int, batch: int, seconds: float) -> dict[str, float]:
    """Send `count` orders in batches, as fast as they are taken, for at most so many seconds."""
    moment = f"{time_ns()}"
    started = monotonic()
    numbers = iter(range(0, count, batch))
    sent = retried = 0

    async def lane() -> None:
        nonlocal sent, retried
        wire = Wire(url, basic(key))
        while monotonic() - started < seconds and (first := next(numbers, None)) is not None:
            events = [order(number, moment) for number in range(first, min(first + batch, count))]
            body = orjson.dumps({"batch": events})
            while (answer := await wire.request("POST", "/v1/batch", body))[0] in (429, 503):
                retried += 1
                await asyncio.sleep(0.2)
            assert answer[0] == 200, answer
            sent += orjson.loads(answer[1])["accepted"]

    await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
    return {"sent": sent, "retried": retried, "seconds": monotonic() - started}


async def steady(
    url: str, key: str, database_url: str, rate: float, seconds: float, batch: int = 1
) -> dict[str, object]:
    """Send orders at a fixed rate, one by one or so many at once, and watch for each where figures are read from.

    As SDKs do, that collect what happens and send it a few times a second. An order's time begins as it is sent.
    The watcher asks PostgreSQL itself: asking for figures over HTTP, a hundred times a second, would be the load.
    """
    moment = f"{time_ns()}"
    wires = asyncio.Queue[Wire]()
    posts: list[float] = []
    seen: list[float] = []
    begun: dict[str, float] = {}
    for _ in range(64):
        wires.put_nowait(Wire(url, basic(key)))

    async def some(first: int) -> None:
        numbers = range(first, first + batch)
        events = [{**order(number, moment), "userId": f"steady-{moment}-{number}"} for number in numbers]
        body, path = (
            (orjson.dumps(events[0]), "/v1/track") if batch == 1 else (orjson.dumps({"batch": events}), "/v1/batch")
        )
        wire = await wires.get()
        start = monotonic()
        begun.update((f"order-{moment}-{number}", start) for number in numbers)
        status, answer = await wire.request("POST", path, body)
        posts.append(monotonic() - start)
        wires.put_nowait(wire)
        assert status == 200, answer

    async def watch(connection: asyncpg.Connection, count: int) -> None:
        asked = await connection.prepare("SELECT order_id FROM metrics.orders WHERE order_id = ANY($1)")
        while len(seen) < count:
            await asyncio.sleep(PROBE_SECONDS)
            found, now = await asked.fetch(list(begun)), monotonic()
            seen.extend(now - begun.pop(row["order_id"]) for row in found)

    connection = await asyncpg.connect(database_url)
    started = monotonic()
    count = int(rate * seconds) // batch * batch
    async with asyncio.timeout(seconds * 6), asyncio.TaskGroup() as group:
        group.create_task(watch(connection, count))
        for number in range(0, count, batch):
            await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
            group.create_task(some(number))
    await connection.close()
    return {"posts": posts, "seen": seen, "seconds": monotonic() - started}


async def hammer(
    url: str, authorization: str, path: str, bodies: list[bytes], connections: int, seconds: float
) -> dict[str, object]:
    """Send bodies over and over on so many connections: what `wrk` does, where there is none."""
    waits: list[float] = []
    started = monotonic()
    turns = cycle(bodies)

    async def lane() -> None:
        wire = Wire(url, authorization)
        while (begun := monotonic()) - started < seconds:
            status, answer = await wire.request("POST", path, next(turns))
            assert status == 200, answer
            waits.append(monotonic() - begun)

    await asyncio.gather(*(lane() for _ in range(connections)))
    waits.sort()
    return {
        "client": "ours",
        "requests": len(waits),
        "requests_per_second": round(len(waits) / (monotonic() - started)),
        "p50_ms": round(waits[len(waits) // 2] * 1e3, 2),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1e3, 2),
    }


def main() -> None:
    """Run what the command line names."""
    what, url, key, *rest = sys.argv[1:]
    if what == "flood":
        measured: object = asyncio.run(flood(url, key, int(rest[0]), int(rest[1]), float(rest[2])))
    else:
        measured = asyncio.run(steady(url, key, rest[0], float(rest[1]), float(rest[2]), *map(int, rest[3:])))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
