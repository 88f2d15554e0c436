"""One hot item of a flash sale, claimed by 128 clients at once. About a minute.

On a PostgreSQL that syncs each commit, every claim by somebody new, a limit per person in force, client and server on
the same cores:

* as shops do it: read, then write (must be shown to sell too much), and SELECT … FOR UPDATE (exact), one connection a
  client, in the same tables;
* the use case, as a process has it, at 1, 8, 128 and 512 clients; and how fast it says that nothing is left;
* over HTTP, one process of `tam serve`, the client a process of its own.

Each is recounted afterwards: what was granted, what the item says, and what there was.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from load import Wire
from stand import Platform, cpu_seconds, descendants, percentile, platform, store

from services.loyalty.flash.repository.checks import CHECKS
from services.loyalty.flash.schemas.sales import ClaimIn, SaleIn
from services.loyalty.flash.service.claims import Claims
from services.loyalty.flash.service.lanes import Lanes
from services.loyalty.flash.service.rooms import Rooms, RoomViews
from services.loyalty.flash.service.sales import Sales, Views
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import SystemClock
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.errors import AppError
from shared.ids import user_key, uuid7
from shared.testing.postgres import scratch_folder

CLIENTS = 128
SECONDS = 5.0
HTTP_CONNECTIONS = 32
ITEM = "sku-1"
PLENTY = 10_000_000

Claim = Callable[[int, int], Awaitable[bool]]


@asynccontextmanager
async def roomy_postgres() -> AsyncIterator[tuple[str, int]]:
    """A PostgreSQL that syncs every commit, with room for a connection a client: the naive shop needs them."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder)
        connection = await asyncpg.connect(await server.start())
        await connection.execute("ALTER SYSTEM SET max_connections = 250")
        await connection.close()
        await server.stop()
        url = await server.start()
        try:
            found = running((folder / "pg").resolve() / "data")
            assert found is not None
            yield url, found[0]
        finally:
            await server.stop()


class Firm:
    """Loyalty at one database."""

    def __init__(self, url: str, postgres: int) -> None:
        self.url, self.postgres = url, postgres
        self.db = Database(make_engine(url, schema="loyalty", pool_size=12), schema="loyalty", outbox=OutboxWriter())
        lanes, clock, vault = Lanes(), SystemClock(), Vault((bytes(32),))
        self.sales = Sales(self.db, clock, ZoneInfo("UTC"), lanes, Views(), vault)
        self.claims = Claims(self.db, clock, lanes, Rooms(self.db, vault, RoomViews(), self.sales))

    async def sale(self, units: int) -> UUID:
        """A sale that is open; two units a person."""
        now = datetime.now(UTC).replace(tzinfo=None)
        body = SaleIn.model_validate(
            {
                "name": "bench",
                "zone": "UTC",
                "starts_local": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
                "ends_local": (now + timedelta(hours=9)).isoformat(timespec="seconds"),
                "items": [{"item": ITEM, "units": units, "max_per_person": 2}],
            }
        )
        return UUID(orjson.loads((await self.sales.create(body, by="bench", idem=None)).body)["id"])

    async def recounted(self, sale: UUID) -> dict[str, int]:
        """What there was, what the item says, what there is of claims, and what the checks find."""
        (row,) = await self.db.call(
            "SELECT i.units, i.taken, coalesce(sum(c.units), 0) AS claimed FROM flash_items AS i "
            "LEFT JOIN flash_claims AS c ON c.item_id = i.id WHERE i.sale_id = :sale GROUP BY i.id",
            {"sale": sale},
        )
        faults = sum([len(await self.db.call(check.sql)) for check in CHECKS])
        return {"units": row.units, "taken": row.taken, "claimed": int(row.claimed), "faults": faults}

    async def connections(self, number: int) -> list[asyncpg.Connection]:
        """One connection a client, as a naive shop has it."""
        dsn = self.url.replace("postgresql+asyncpg", "postgresql")
        settings = {"search_path": "loyalty", "jit": "off"}
        return [await asyncpg.connect(dsn, server_settings=settings) for _ in range(number)]


def _cpu(postgres: int) -> float:
    """CPU seconds of this process, which claims, and of the database."""
    return process_time() + cpu_seconds(descendants(postgres))


async def crowd(claim: Claim, clients: int, postgres: int, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Clients that claim one after another until the time is over; claims a second, and how long each took."""
    took: list[float] = []
    granted = 0
    end = monotonic() + seconds

    async def client(number: int) -> None:
        nonlocal granted
        step = 0
        while (begun := monotonic()) < end:
            is_granted = await claim(number, step)
            granted += is_granted
            took.append(monotonic() - begun)
            step += 1

    cpu, begun = _cpu(postgres), monotonic()
    await asyncio.gather(*(client(number) for number in range(clients)))
    spent, used = monotonic() - begun, _cpu(postgres) - cpu
    return {
        "clients": clients,
        "per_second": round(len(took) / spent),
        "granted": granted,
        "cpu_us_each": round(used / len(took) * 1e6),
        "p50_ms": round(percentile(took, 0.5) * 1e3, 2),
        "p99_ms": round(percentile(took, 0.99) * 1e3, 2),
    }


_INSERT = (
    "INSERT INTO flash_claims (id, item_id, sale_id, person_id, key, units, number, state, claimed_at) "
    "VALUES ($1, $2, $3, $4, $5, 1, $6, 'confirmed', now())"
)


async def naive(firm: Firm, *, is_locking: bool, units: int) -> dict[str, Any]:
    """Look whether there is one left and whether the person may have it; then take it."""
    sale = await firm.sale(units)
    connections = await firm.connections(CLIENTS)
    item = (await firm.db.call("SELECT id FROM flash_items WHERE sale_id = :sale", {"sale": sale}))[0].id
    lock = "FOR UPDATE" if is_locking else ""
    numbers = iter(range(1, PLENTY))

    async def claim(client: int, step: int) -> bool:
        connection, person = connections[client], user_key(f"{sale} {client} {step}")
        async with connection.transaction():
            row = await connection.fetchrow(f"SELECT units, taken FROM flash_items WHERE id = $1 {lock}", item)
            if row["taken"] >= row["units"]:
                return False
            mine = await connection.fetchval(
                "SELECT count(*) FROM flash_claims WHERE person_id = $1 AND sale_id = $2", person, sale
            )
            if mine >= 2:
                return False
            await connection.execute("UPDATE flash_items SET taken = $2 WHERE id = $1", item, row["taken"] + 1)
            await connection.execute(_INSERT, uuid7(), item, sale, person, "k", next(numbers))
        return True

    found = await crowd(claim, CLIENTS, firm.postgres)
    for connection in connections:
        await connection.close()
    counted = await firm.recounted(sale)
    del counted["faults"]
    return {**found, **counted, "oversold": max(0, counted["claimed"] - counted["units"])}


async def ours(firm: Firm, clients: int) -> dict[str, Any]:
    """The use case: every claim by somebody new, granted."""
    sale = await firm.sale(PLENTY)

    async def claim(client: int, step: int) -> bool:
        who = f"{clients}-{client}-{step}"
        body = ClaimIn.model_construct(key=who, item=ITEM, customer=f"user_id:{who}", units=1)
        await firm.claims.claim(sale, body)
        return True

    return {**await crowd(claim, clients, firm.postgres), **await firm.recounted(sale)}


async def rush(firm: Firm) -> dict[str, Any]:
    """Few units, many people: until all are gone, and then on; how often each answer came."""
    sale = await firm.sale(5_000)
    answers: dict[str, int] = {}

    async def claim(client: int, step: int) -> bool:
        who = f"rush-{client}-{step}"
        body = ClaimIn.model_construct(key=who, item=ITEM, customer=f"user_id:{who}", units=1)
        try:
            await firm.claims.claim(sale, body)
        except AppError as refusal:
            answers[refusal.code] = answers.get(refusal.code, 0) + 1
            # An answer from memory gives nobody else a turn.
            await asyncio.sleep(0)
            return False
        return True

    return {**await crowd(claim, CLIENTS, firm.postgres, seconds=3.0), **await firm.recounted(sale), "answers": answers}


async def over_http(under_test: Platform, sale: str) -> dict[str, Any]:
    """One process of `tam serve`; this process is the client."""
    # A wire has no headers but this one to add to.
    head = f"Bearer {under_test.secret_key}\r\nContent-Type: application/json"
    wires = [Wire(under_test.base_url, head) for _ in range(HTTP_CONNECTIONS)]
    path, statuses = f"/v1/loyalty/flash-sales/{sale}/claims", dict[int, int]()

    async def claim(client: int, step: int) -> bool:
        who = f"http-{client}-{step}"
        body = orjson.dumps({"key": who, "item": ITEM, "customer": f"user_id:{who}"})
        status, _ = await wires[client].request("POST", path, body)
        statuses[status] = statuses.get(status, 0) + 1
        return status == 201

    before = under_test.spent()
    found = await crowd(claim, HTTP_CONNECTIONS, under_test.backends[0])
    spent = under_test.spent().since(before)
    return {
        **found,
        "statuses": {str(status): number for status, number in statuses.items()},
        "our_cpu_us": round(spent.ours / max(1, found["granted"]) * 1e6),
        "backend_cpu_us": round(spent.backend / max(1, found["granted"]) * 1e6),
    }


async def main() -> None:
    """Everything, in one run at one server."""
    async with roomy_postgres() as (url, pid), platform(url, pid, ["api"]) as under_test:
        firm = Firm(url, pid)
        figures: dict[str, Any] = {"http": await over_http(under_test, str(sale := await firm.sale(PLENTY)))}
        figures["http"] |= await firm.recounted(sale)
        for clients in (1, 8, CLIENTS, 512):
            figures[f"use case, {clients} clients"] = await ours(firm, clients)
        figures["rush for 5,000"] = await rush(firm)
        figures["SELECT FOR UPDATE"] = await naive(firm, is_locking=True, units=PLENTY)
        figures["read, then write"] = await naive(firm, is_locking=False, units=50)
        await firm.db.dispose()
    exact = figures[f"use case, {CLIENTS} clients"]
    locking, racing = figures["SELECT FOR UPDATE"], figures["read, then write"]
    figures["times SELECT FOR UPDATE"] = round(exact["per_second"] / locking["per_second"], 1)
    store("flash", figures)
    assert exact["granted"] == exact["taken"] == exact["claimed"], exact
    assert figures["rush for 5,000"]["claimed"] == 5_000, figures
    assert racing["oversold"] > 0, racing


if __name__ == "__main__":
    asyncio.run(main())
