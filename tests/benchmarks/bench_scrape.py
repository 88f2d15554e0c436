"""What a scrape takes, of each process, idle and under shop traffic, beside `/healthz` of the same process: the same
way in and out, with nothing to tell. About two minutes.

An api of all services, and a worker for each, with a firm's data in them. Prometheus asks every 15 s; here each is
asked twice a second, so the CPU of a scrape is told by itself: what the processes used between the scrapes is in it
neither idle (it is measured first) nor under load, where there is no telling them apart.
"""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import httpx
from bench_sizing import PEPPER, ROLES
from stand import Platform, cpu_seconds, durable_postgres, percentile, platform, store

from shared.clock import SystemClock
from shared.load.journal import Journal
from shared.load.order import Order
from shared.load.session import Session
from shared.load.wire import connected
from shared.testing.postgres import scratch_folder

RATE, SECONDS, CUSTOMERS = 60.0, 40.0, 2_000
# So much of the traffic is there before it is measured: a firm has figures.
WARM_SECONDS = 12.0
LOOKS, PAUSE_SECONDS = 40, 0.5
Waits = dict[str, dict[str, list[float]]]


async def timed(client: httpx.AsyncClient, url: str) -> tuple[float, int]:
    """Milliseconds until it was whole, and its bytes."""
    began = perf_counter()
    said = (await client.get(url)).raise_for_status()
    return (perf_counter() - began) * 1e3, len(said.content)


async def looked(under_test: Platform) -> dict[str, Any]:
    """Scrape every process in turn, and its `/healthz` right after."""
    waits: Waits = {role: {"/metrics": [], "/healthz": []} for role in under_test.urls}
    size: dict[str, int] = {}
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        for _ in range(LOOKS):
            began = monotonic()
            for role, url in under_test.urls.items():
                for path in waits[role]:
                    spent, length = await timed(client, url + path)
                    waits[role][path].append(spent)
                    size[role] = length if path == "/metrics" else size[role]
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - (monotonic() - began)))
    return {
        role: {
            "ms": _spread(each["/metrics"]),
            "healthz_ms": _spread(each["/healthz"]),
            "times_healthz": round(median(each["/metrics"]) / median(each["/healthz"]), 1),
            "kilobytes": round(size[role] / 1e3, 1),
        }
        for role, each in waits.items()
    }


def _spread(waits: list[float]) -> dict[str, float]:
    return {"p50": round(median(waits), 1), "p95": round(percentile(waits, 0.95), 1), "max": round(max(waits), 1)}


async def cpu_of_a_scrape(under_test: Platform) -> dict[str, float]:
    """Milliseconds of CPU of each process for one scrape, beyond what it uses by itself."""
    quiet = {role: cpu_seconds([pid]) for role, pid in under_test.processes.items()}
    began = monotonic()
    await asyncio.sleep(LOOKS * PAUSE_SECONDS / 2)
    seconds = monotonic() - began
    idle = {role: (cpu_seconds([pid]) - quiet[role]) / seconds for role, pid in under_test.processes.items()}
    before = {role: cpu_seconds([pid]) for role, pid in under_test.processes.items()}
    began = monotonic()
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        for _ in range(LOOKS):
            await asyncio.gather(*(timed(client, f"{url}/metrics") for url in under_test.urls.values()))
            await asyncio.sleep(PAUSE_SECONDS)
    seconds = monotonic() - began
    return {
        role: round((cpu_seconds([pid]) - before[role] - idle[role] * seconds) / LOOKS * 1e3, 2)
        for role, pid in under_test.processes.items()
    }


async def measured(under_test: Platform) -> dict[str, Any]:
    """Traffic, a scrape again and again beside it, and again when all is quiet."""
    with scratch_folder() as folder:
        async with connected([under_test.base_url], under_test.write_key, under_test.secret_key) as wire:
            order = Order("shop", 7, RATE, CUSTOMERS, SECONDS, datetime.now(UTC))
            session = await Session.opened(wire, SystemClock(), Journal(folder / "journal.jsonl"), order)
            sending = asyncio.create_task(session.send())
            await asyncio.sleep(WARM_SECONDS)
            loaded = await looked(under_test)
            await sending
            await session.settled(120)
            verdict = await session.judge(at_most=300, patience_seconds=60)
            session.journal.close()
    assert not verdict.differences, verdict.differences[:5]
    return {
        "events": session.timing.events,
        "events_per_second": RATE,
        "idle": await looked(under_test),
        "loaded": loaded,
        "cpu_ms_of_a_scrape": await cpu_of_a_scrape(under_test),
    }


async def main() -> None:
    """Measure, and keep what was found."""
    async with contextlib.AsyncExitStack() as stack:
        url, pid = await stack.enter_async_context(durable_postgres())
        under_test = await stack.enter_async_context(platform(url, pid, ROLES, TAM_LOYALTY_CODE_PEPPERS=PEPPER))
        found = await measured(under_test)
    for when in ("idle", "loaded"):
        print(when, {role: each["ms"] for role, each in found[when].items()}, file=sys.stderr)
    store("scrape", found)


if __name__ == "__main__":
    asyncio.run(main())
