"""Profiles: how soon who identifies is one person everywhere, what a read costs, how fast memberships follow.

`merged`: from the POST of an identify to the moment the mapping of metrics, and that of loyalty, has it, while the shop
sends other events too. `entered`: from the POST of a fact to the segment, one of fifty, that it takes somebody into.
`read`: a customer by id, e-mail and external id, complete, and with all that is told beside, among 10,000 and 1,000,000
others. `segments`: what one worker consumes with 50 live segments, over backlogs; a fact is one record about one
customer. About five minutes; name parts to measure those alone.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from time import monotonic, process_time
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
from crowd import fill
from load import PROBE_SECONDS, Wire, basic, order
from stand import Platform, cpu_seconds, descendants, durable_postgres, percentile, platform, store

from services.profiles.app import service as profiles
from services.profiles.segments.schemas import SegmentIn
from services.touchpoints.app import service as touchpoints
from shared.config import PlatformSettings
from shared.ids import anonymous_key, user_key
from shared.runtime import garbage
from shared.runtime.platform import open_platform
from shared.runtime.progress import pending, settled
from shared.testing.platform import BASE_URL

FOLLOWERS = ("metrics", "loyalty")
FOLLOWED_PER_SECOND, EVENTS_PER_SECOND, SECONDS = 20, 100, 20
POPULATIONS = (10_000, 1_000_000)
READS, READERS = 1_500, 4
FORMS = {
    "user id": "user_id:u{}",
    "e-mail": "email:u{}@shop.test",
    "external id": "crm:C-{}",
    "user id, with everything": "user_id:u{}?include=computed&include=segments&include=consent&include=preferences",
}
BACKLOG, SEGMENTS = 10_000, 50


def _ms(seconds: list[float]) -> dict[str, float]:
    return {f"p{share}": round(percentile(seconds, share / 100) * 1e3, 1) for share in (50, 99)}


Begun = dict[UUID, float]
Bodies = Callable[[int], tuple[dict[str, Any], UUID | None]]


async def paced(wires: list[Wire], rate: int, path: str, bodies: Bodies, begun: Begun) -> None:
    """So many requests a second; of those about a key, when each began."""
    started = monotonic()
    for number in range(rate * SECONDS):
        await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
        body, key = bodies(number)
        wire = wires.pop()
        if key is not None:
            begun[key] = monotonic()
        status, answer = await wire.request("POST", path, orjson.dumps(body))
        assert status == 200, answer
        wires.append(wire)


async def watch(url: str, sql: str, begun: Begun, seen: list[float], total: int) -> None:
    """How long after it began each key is among those that the statement finds of keys."""
    connection = await asyncpg.connect(url)
    asked = await connection.prepare(sql)
    known: set[UUID] = set()
    while len(known) < total:
        await asyncio.sleep(PROBE_SECONDS)
        found, now = {row[0] for row in await asked.fetch([*(begun.keys() - known)])}, monotonic()
        seen += [now - begun[key] for key in found]
        known |= found
    await connection.close()


async def followed(
    url: str, under_test: Platform, path: str, bodies: Bodies, watched: Mapping[str, str]
) -> dict[str, Any]:
    """Milliseconds from a request to what it makes of somebody, while the shop sends other events too."""
    begun: Begun = {}
    seen: dict[str, list[float]] = {name: [] for name in watched}
    total = FOLLOWED_PER_SECOND * SECONDS
    wires = [Wire(under_test.base_url, basic(under_test.write_key)) for _ in range(8)]
    before, started = under_test.spent(), monotonic()
    async with asyncio.timeout(SECONDS * 10), asyncio.TaskGroup() as group:
        for name, sql in watched.items():
            group.create_task(watch(url, sql, begun, seen[name], total))
        group.create_task(paced(wires, EVENTS_PER_SECOND, "/v1/track", lambda number: (_viewed(number), None), begun))
        group.create_task(paced(wires, FOLLOWED_PER_SECOND, path, bodies, begun))
    spent = under_test.spent().since(before)
    return {
        "requests": total,
        **{f"{name} after ms": _ms(times) for name, times in seen.items()},
        "cores_used": round((spent.ours + spent.backend) / (monotonic() - started), 2),
    }


async def merged(url: str, under_test: Platform) -> dict[str, Any]:
    """Milliseconds from identify to one person, in each service that follows."""
    sql = "SELECT raw_id FROM {}.identity WHERE raw_id = ANY($1) AND root_id <> raw_id"
    watched = {f"{name} has it": sql.format(name) for name in FOLLOWERS}
    return await followed(url, under_test, "/v1/identify", _identify, watched)


async def entered(url: str, under_test: Platform) -> dict[str, Any]:
    """Milliseconds from a fact to the segment it takes somebody into, one of fifty."""
    async with under_test.client() as crm:
        for number in range(SEGMENTS):
            body = {"name": f"Segment {number}", "rule": rule(number) if number else {"event": "Product Added"}}
            (await crm.post("/v1/segments", json=body)).raise_for_status()
    sql = """
        SELECT customer_id FROM profiles.memberships JOIN profiles.segments ON segments.id = segment_id
        WHERE customer_id = ANY($1) AND name = 'Segment 0'
    """
    return await followed(url, under_test, "/v1/track", _added, {"member": sql})


def _added(number: int) -> tuple[dict[str, Any], UUID]:
    return {"type": "track", "event": "Product Added", "userId": f"e{number}"}, user_key(f"e{number}")


def _viewed(number: int) -> dict[str, Any]:
    # Each visitor looks around before it says who it is.
    return {"type": "track", "event": "Product Viewed", "anonymousId": f"v{number // 5}", "properties": {"sku": "s"}}


def _identify(number: int) -> tuple[dict[str, Any], UUID]:
    body = {"userId": f"u{number}", "anonymousId": f"v{number}", "traits": {"email": f"u{number}@shop.test"}}
    return body, anonymous_key(f"v{number}")


async def reads(under_test: Platform, people: int) -> dict[str, Any]:
    """Milliseconds of a read, by several readers at once, of customers that nobody read before."""
    key = f"Bearer {under_test.secret_key}"
    figures: dict[str, Any] = {}
    step = people // READS * 7 + 1
    for kind, form in FORMS.items():
        seconds: list[float] = []
        numbers, before = iter(range(READS)), under_test.spent()

        async def lane(form: str, numbers: Any, seconds: list[float]) -> None:
            wire = Wire(under_test.base_url, key)
            for number in numbers:
                begun = monotonic()
                status, body = await wire.request("GET", f"/v1/customers/{form.format(number * step % people)}")
                seconds.append(monotonic() - begun)
                assert status == 200, body
                read = orjson.loads(body)
                assert len(read["traits"]) == 6, body
                assert "include" not in form or read["computed"]["orders"] == 1, body

        await asyncio.gather(*(lane(form, numbers, seconds) for _ in range(READERS)))
        spent = under_test.spent().since(before)
        figures[f"by {kind}"] = {
            **{f"{name}_ms": value for name, value in _ms(seconds).items()},
            "our_cpu_us": round(spent.ours / READS * 1e6),
            "backend_cpu_us": round(spent.backend / READS * 1e6),
        }
    return figures


def rule(number: int) -> Mapping[str, Any]:
    """Fifty different rules of the kinds that firms write."""
    days, cities = 3 + number, ["Huế", "Đà Nẵng", "Cần Thơ"]
    kinds: tuple[Mapping[str, Any], ...] = (
        {"computed": "orders", "gte": 1 + number},
        {"computed": "net_minor", "currency": "USD", "gte": 1_000 * number},
        {"computed": "days_since_last_order", "lt": days},
        {"event": "Order Completed", "count": {"gte": 2}, "within_days": days},
        {"and": [{"trait": "city", "in": cities[: 1 + number % 3]}, {"event": "Order Completed"}]},
    )
    return kinds[number % len(kinds)]


async def segments(url: str, pid: int, rules: int) -> dict[str, Any]:
    """What one worker of profiles does with backlogs of orders while so many segments are live.

    With their first two orders customers enter many segments; with the third, as on most days, they enter few.
    """
    settings = PlatformSettings(database_url=url)
    await _send(settings, "first")
    async with open_platform(settings, (profiles,), role="worker") as platform_:
        value = platform_.value("profiles")
        for number in range(rules):
            body = SegmentIn(name=f"Segment {number}", rule=dict(rule(number)))
            await value.segments.create(body, by="bench", idem=None)
        await value.upkeep.run()
    figures = {"first order": await _worked_off(settings, url, pid)}
    for moment in ("second", "third"):
        await _send(settings, moment)
        figures[f"{moment} order"] = await _worked_off(settings, url, pid)
    return figures


async def _send(settings: PlatformSettings, moment: str) -> None:
    """One order of each customer, up to where profiles hears of it."""
    async with open_platform(settings, (touchpoints,)) as door:
        working = asyncio.create_task(door.workers.run())
        _, key = await door.keyring.create("write", f"load {moment}", source="web")
        transport = httpx.ASGITransport(app=door.app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, auth=(key, "")) as shop:
            for first in range(0, BACKLOG, 100):
                events = [order(number, moment) for number in range(first, first + 100)]
                (await shop.post("/v1/batch", content=orjson.dumps({"batch": events}))).raise_for_status()
        await settled(door.bus, door.databases())
        await door.workers.drain()
        working.cancel()


async def _worked_off(settings: PlatformSettings, url: str, pid: int) -> dict[str, Any]:
    """What it takes to consume all there is."""
    moves = await _moves(url)
    async with open_platform(settings, (profiles,), role="worker") as platform_:
        garbage.tune()
        backend, ours, started = _backend(pid), process_time(), monotonic()
        working = asyncio.create_task(platform_.workers.run())
        while await pending(platform_.bus, platform_.databases()):
            await asyncio.sleep(0.2)
        seconds, ours, backend = monotonic() - started, process_time() - ours, _backend(pid) - backend
        await platform_.workers.drain()
        working.cancel()
    # What a shop sends is heard three times: as sent, as recorded, and as money.
    facts = BACKLOG * 3
    return {
        "orders_per_second": round(BACKLOG / seconds),
        "facts_per_second": round(facts / seconds),
        "moves_per_fact": round((await _moves(url) - moves) / facts, 2),
        "our_cpu_us_per_fact": round(ours / facts * 1e6),
        "backend_cpu_us_per_fact": round(backend / facts * 1e6),
    }


async def _moves(url: str) -> int:
    connection = await asyncpg.connect(url)
    found = await connection.fetchval("SELECT count(*) FROM profiles.memberships")
    await connection.close()
    return int(found)


def _backend(pid: int) -> float:
    return cpu_seconds(descendants(pid))


async def main(parts: list[str]) -> None:
    """Measure the parts that are named, or all."""
    figures: dict[str, Any] = {}
    if not parts or "merged" in parts:
        async with durable_postgres() as (url, pid), platform(url, pid) as under_test:
            figures["merged"] = await merged(url, under_test)
    if not parts or "entered" in parts:
        async with durable_postgres() as (url, pid), platform(url, pid) as under_test:
            figures["entered"] = await entered(url, under_test)
    if not parts or "read" in parts:
        for people in POPULATIONS:
            async with durable_postgres() as (url, pid), platform(url, pid, ["api"]) as under_test:
                await fill(url, people)
                figures[f"read among {people:,}"] = await reads(under_test, people)
    if not parts or "segments" in parts:
        for rules in (0, SEGMENTS):
            async with durable_postgres() as (url, pid):
                figures[f"{rules} segments"] = await segments(url, pid, rules)
    store("profiles", figures)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
