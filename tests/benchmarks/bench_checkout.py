"""What a look and a redemption cost at a steady rate, on one process and on two, with PostgreSQL and the client on the
same machine. About 70 seconds.

All redemptions are of one campaign, each by a customer and for an order of its own, with an Idempotency-Key; first by
their code alone, then beside a promotion that applies to every basket and has a budget per day. Beside them, on the
same server, what is naive, straight on connections, without HTTP, rules, events or keys: SELECT … FOR UPDATE of the
counter, then five more statements, which is correct; and the same without a lock, which must give more than there is.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from load import Wire
from stand import Platform, durable_postgres, percentile, platform, store

ROLES = ("api/loyalty", "api")
RATE, SECONDS, FLAT_OUT_SECONDS = 500.0, 5.0, 2.5
# What comes at a rate waits for no connection: with few, a disk that is slow for a moment is the client's queue.
CONNECTIONS = 192
SQL_CONNECTIONS = 12
CODE = "TETBENCH2027"
# Of which the careless version gives more.
FEW = 50
LINES = [
    {"id": str(number), "product_id": f"sku-{number}", "quantity": 1, "unit_minor": 250_000} for number in range(4)
]
RUNS = (("validate", 1), ("validate", 2), ("redeem", 1), ("redeem", 2), ("redeem beside a promotion", 1))


def body(number: int) -> dict[str, Any]:
    """A basket of four lines with one code."""
    basket = {"currency": "VND", "lines": LINES, "order_id": f"o-{number}"}
    return {"customer": f"user_id:k-{number}", "basket": basket, "vouchers": [CODE]}


async def steadily(send: Callable[[int], Awaitable[None]], rate: float, seconds: float, first: int) -> dict[str, float]:
    """Send at a fixed rate whatever the answers do; milliseconds from when each was due."""
    started, total, late = monotonic(), int(rate * seconds), 0.0
    spans: list[float] = []

    async def one(number: int, due: float) -> None:
        await send(number)
        spans.append((monotonic() - due) * 1e3)

    async with asyncio.TaskGroup() as group:
        for number in range(total):
            due = started + number / rate
            if (wait := due - monotonic()) > 0:
                await asyncio.sleep(wait)
            late = max(late, monotonic() - due)
            group.create_task(one(first + number, due))
    took = monotonic() - started
    return {
        "sent": total,
        "per_second": round(total / took, 1),
        "p50_ms": round(percentile(spans, 0.5), 2),
        "p95_ms": round(percentile(spans, 0.95), 2),
        "p99_ms": round(percentile(spans, 0.99), 2),
        "client_late_ms": round(late * 1e3, 1),
    }


class Clients:
    """Kept-alive connections, each one request at a time."""

    def __init__(self, urls: Sequence[str], key: str) -> None:
        self._wires: asyncio.Queue[tuple[str, Wire]] = asyncio.Queue()
        self._key = key
        for number in range(CONNECTIONS):
            url = urls[number % len(urls)]
            self._wires.put_nowait((url, self._wire(url)))

    def _wire(self, url: str) -> Wire:
        return Wire(url, f"Bearer {self._key}\r\nContent-Type: application/json")

    async def send(self, path: str, number: int, status: int) -> None:
        """One request; the answer must be `status`."""
        url, wire = await self._wires.get()
        # The key of a request is a header; the wire writes what stands behind the path as it is.
        line = f"/v1/loyalty{path} HTTP/1.1\r\nIdempotency-Key: k-{number}\r\nX-Rest:"
        try:
            found, answer = await wire.request("POST", line, orjson.dumps(body(number)))
        except asyncio.IncompleteReadError:
            # It stood idle for too long, and was closed.
            wire = self._wire(url)
            found, answer = await wire.request("POST", line, orjson.dumps(body(number)))
        self._wires.put_nowait((url, wire))
        assert found == status, answer


async def flat_out(send: Callable[[int], Awaitable[None]], clients: int, first: int) -> float:
    """Requests a second when so many clients ask one after the other."""
    numbers = count(first)
    started = monotonic()

    async def one() -> int:
        done = 0
        while monotonic() - started < FLAT_OUT_SECONDS:
            await send(next(numbers))
            done += 1
        return done

    done = sum(await asyncio.gather(*(one() for _ in range(clients))))
    return done / (monotonic() - started)


async def paced(send: Callable[[int], Awaitable[None]], first: int) -> dict[str, float]:
    """What it takes at most, and how long it takes at `RATE`, or at nine tenths of what it takes if that is less."""
    most = await flat_out(send, CONNECTIONS, first)
    rate = min(RATE, most * 0.9)
    found = await steadily(send, rate, SECONDS, first + 1_000_000)
    return {"most_per_second": round(most), "rate": round(rate), **found}


async def client(urls: str, key: str, kind: str, first: int) -> dict[str, float]:
    """Measure looks or redemptions, at all of `urls`."""
    path, status = ("/validations", 200) if kind.startswith("validate") else ("/redemptions", 201)
    clients = Clients(urls.split(), key)

    async def send(number: int) -> None:
        await clients.send(path, number, status)

    return await paced(send, first)


async def naive(url: str) -> dict[str, dict[str, float]]:
    """Look whether something is left, then take it: the same rows as a redemption writes, with a lock and without."""
    async with asyncpg.create_pool(url, min_size=SQL_CONNECTIONS, max_size=SQL_CONNECTIONS) as pool:
        await pool.execute(
            "CREATE SCHEMA naive; CREATE TABLE naive.campaigns (id int PRIMARY KEY, used int, most int); "
            "CREATE TABLE naive.uses (person text PRIMARY KEY, n int); "
            "CREATE TABLE naive.redemptions (id uuid PRIMARY KEY, campaign int, order_id text UNIQUE, lines jsonb); "
            "CREATE TABLE naive.keys (key text PRIMARY KEY, answer text); "
            f"INSERT INTO naive.campaigns VALUES (1, 0, 1000000000), (2, 0, {FEW})"
        )

        async def redeem(number: int, *, campaign: int, lock: str) -> bool:
            who = f"k-{campaign}-{number}"
            async with pool.acquire() as connection, connection.transaction():
                await connection.fetchrow("SELECT answer FROM naive.keys WHERE key = $1", who)
                row = await connection.fetchrow(
                    f"SELECT used, most FROM naive.campaigns WHERE id = $1 {lock}", campaign
                )
                if row["used"] >= row["most"]:
                    return False
                await connection.fetchrow("SELECT n FROM naive.uses WHERE person = $1 FOR UPDATE", who)
                await connection.execute("INSERT INTO naive.uses VALUES ($1, 1)", who)
                await connection.execute(
                    "INSERT INTO naive.redemptions VALUES ($1, $2, $3, '[]')", uuid4(), campaign, f"o-{who}"
                )
                await connection.execute(
                    "UPDATE naive.campaigns SET used = $2 WHERE id = $1", campaign, row["used"] + 1
                )
                await connection.execute("INSERT INTO naive.keys VALUES ($1, '{}')", who)
            return True

        async def locking(number: int) -> None:
            assert await redeem(number, campaign=1, lock="FOR UPDATE")

        correct = await paced(locking, 0)
        tries = range(20 * FEW)
        given = await asyncio.gather(*(redeem(number, campaign=2, lock="") for number in tries))
        counted = await pool.fetchval("SELECT used FROM naive.campaigns WHERE id = 2")
        stored = await pool.fetchval("SELECT count(*) FROM naive.redemptions WHERE campaign = 2")
    assert stored == sum(given) > FEW, "reading first and writing after was expected to give more than there is"
    careless = {"there_were": FEW, "tries": len(tries), "counted": counted, "given": stored, "too_many": stored - FEW}
    return {"naive redeem, SQL alone": correct, "read, then write, SQL alone": careless}


async def offer(under_test: Platform) -> str:
    """A campaign with one shared code; its id."""
    async with under_test.client() as http:
        terms = {"benefit": {"type": "percentage", "percent": 10}, "max_uses_per_customer": 3}
        asked = {"name": "Tết", "codes": "shared", "currency": "VND", "max_uses": 10**9, "terms": terms}
        made: str = (await http.post("/v1/loyalty/campaigns", json=asked)).raise_for_status().json()["id"]
        for path, said in (("state", {"state": "active"}), ("shared-codes", {"code": CODE})):
            (await http.post(f"/v1/loyalty/campaigns/{made}/{path}", json=said)).raise_for_status()
    return made


async def promote(under_test: Platform) -> None:
    """A promotion that every basket gets, with a budget of its own."""
    async with under_test.client() as http:
        terms = {
            "benefit": {"type": "percentage", "percent": 3},
            "budgets": [{"name": "day", "per": "day", "max_minor": 10**12}],
        }
        asked = {"name": "Freeship", "codes": "automatic", "currency": "VND", "terms": terms}
        made = (await http.post("/v1/loyalty/campaigns", json=asked)).raise_for_status().json()["id"]
        (await http.post(f"/v1/loyalty/campaigns/{made}/state", json={"state": "active"})).raise_for_status()
    # Every process looks again within a second.
    await asyncio.sleep(1.1)


async def measured(under_test: Platform, kind: str, processes: int, first: int) -> dict[str, Any]:
    """Run a client process that asks so many of ours; what it saw, and what it cost."""
    before = under_test.spent()
    urls = " ".join([*under_test.urls.values()][:processes])
    arguments = (urls, under_test.secret_key, kind, str(first))
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, "the client failed"
    found: dict[str, Any] = orjson.loads(out)
    spent = under_test.spent().since(before)
    requests = found["sent"] + found["most_per_second"] * FLAT_OUT_SECONDS
    return found | {
        "our_cpu_us": round(spent.ours / requests * 1e6),
        "backend_cpu_us": round(spent.backend / requests * 1e6),
    }


async def main() -> None:
    """Measure looks, redemptions, and what is naive, on one server."""
    figures: dict[str, Any] = {}
    # No limit of requests per key: one client stands for many shops.
    environ = {"TAM_HTTP_RATE_PER_SECOND": "100000", "TAM_HTTP_RATE_BURST": "100000", "TAM_DATABASE_POOL_SIZE": "48"}
    async with durable_postgres() as (url, pid), platform(url, pid, ROLES, **environ) as under_test:
        campaign = await offer(under_test)
        for turn, (kind, processes) in enumerate(RUNS):
            if kind.endswith("promotion"):
                await promote(under_test)
            name = kind if processes == 1 else f"{kind}, two processes"
            figures[name] = await measured(under_test, kind, processes, turn * 10_000_000)
            print(name, figures[name], file=sys.stderr)
        figures |= await naive(url)
        async with under_test.client() as http:
            counted = (await http.get(f"/v1/loyalty/campaigns/{campaign}")).json()["redeemed"]
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            rows = await pool.fetchval("SELECT count(*) FROM loyalty.redemptions")
        assert counted == rows > 0, (counted, rows)
    store("checkout", figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        given_urls, given_key, given_kind, given_first = sys.argv[1:]
        print(orjson.dumps(asyncio.run(client(given_urls, given_key, given_kind, int(given_first)))).decode())
    else:
        asyncio.run(main())
