"""What an event of believable traffic costs: CPU of each service, of PostgreSQL and of Kafka; bytes on disk; memory.

`tam load --profile shop` at a moderate rate, an api and a worker for each service, all in processes of their own, once
on Kafka and once on the log in PostgreSQL. What the processes use when nothing is sent is measured first and taken
off. The check must find nothing wrong, or nothing is stored. About four minutes; `deploy/sizing.py` reckons with it.
"""

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
from stand import Platform, cpu_seconds, descendants, durable_postgres, memory_mb, platform, store

from shared.clock import SystemClock
from shared.load.journal import Journal
from shared.load.order import Order
from shared.load.session import Session
from shared.load.wire import connected
from shared.testing.kafka import KafkaBroker
from shared.testing.postgres import scratch_folder

RATE, SECONDS, CUSTOMERS = 100.0, 25.0, 3_000
IDLE_SECONDS = 6.0
# All processes hash codes of vouchers under the same.
PEPPER = base64.b64encode(b"of a test, and of nothing else..").decode()
SERVICES = ("touchpoints", "profiles", "surveys", "loyalty", "metrics")
ROLES = ("api", *(f"worker/{name}" for name in SERVICES))
_SIZES = """
    SELECT nspname AS schema, relname AS name, pg_table_size(c.oid) AS tables, pg_indexes_size(c.oid) AS indexes
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema'
"""
Sizes = dict[tuple[str, str], tuple[int, int]]


async def sizes(url: str) -> Sizes:
    """Bytes of each table and of its indexes."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(_SIZES)
    await connection.close()
    return {(row["schema"], row["name"]): (row["tables"], row["indexes"]) for row in rows}


def log_bytes(folder: Path | None) -> int:
    """Bytes of the topics' segments that Kafka has written; its files are made long before they are full."""
    if folder is None:
        return 0
    return sum(found.stat().st_blocks * 512 for found in folder.glob("data/tam*/*.log"))


def used(under_test: Platform, broker: int | None) -> dict[str, float]:
    """CPU seconds so far, by process."""
    postgres = sum(cpu_seconds([pid]) for pid in descendants(under_test.backends[0]))
    kafka = {} if broker is None else {"kafka": cpu_seconds([broker])}
    return {**under_test.each_spent(), "postgresql": postgres, **kafka}


async def measured(under_test: Platform, url: str, broker: KafkaBroker | None, folder: Path) -> dict[str, Any]:
    """One run: set up, idle, sent, settled, checked."""
    pid = None if broker is None else broker.pid
    data = None if broker is None else broker.log.parent
    async with connected([under_test.base_url], under_test.write_key, under_test.secret_key) as wire:
        journal = Journal(folder / "journal.jsonl")
        order = Order("shop", 7, RATE, CUSTOMERS, SECONDS, datetime.now(UTC))
        session = await Session.opened(wire, SystemClock(), journal, order)
        await asyncio.sleep(3)
        before = used(under_test, pid)
        await asyncio.sleep(IDLE_SECONDS)
        idle = {name: (now - before[name]) / IDLE_SECONDS for name, now in used(under_test, pid).items()}
        on_disk, log, before, began = await sizes(url), log_bytes(data), used(under_test, pid), monotonic()
        await session.send()
        await session.settled(120)
        seconds, after = monotonic() - began, used(under_test, pid)
        grown = await sizes(url)
        log = log_bytes(data) - log
        verdict = await session.judge(at_most=300, patience_seconds=60)
        journal.close()
    assert not verdict.differences, verdict.differences[:5]
    events, people = session.timing.events, verdict.persons_known
    busy = {name: max(0.0, after[name] - before[name] - idle[name] * seconds) for name in after}
    return {
        "events": events,
        "people": people,
        "requests": sum(map(len, session.timing.waits.values())),
        "acts": {kind: len(waits) for kind, waits in session.timing.waits.items()},
        "seconds": round(seconds, 1),
        "cpu_us_per_event": {name: round(value / events * 1e6) for name, value in busy.items()},
        "idle_cores": {name: round(value, 4) for name, value in idle.items()},
        "memory_mb": {
            **{name: round(memory_mb(each)) for name, each in under_test.processes.items()},
            **({} if pid is None else {"kafka": round(memory_mb(pid))}),
        },
        "kafka_log_bytes_per_event": round(log / events),
        "bytes": _growth(on_disk, grown),
        "events_checked": verdict.events,
    }


def _growth(before: Sizes, after: Sizes) -> dict[str, dict[str, dict[str, int]]]:
    """By schema and table what was added: bytes of rows, and of indexes."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (schema, name), (tables, indexes) in sorted(after.items()):
        old = before.get((schema, name), (0, 0))
        added = {"rows": tables - old[0], "indexes": indexes - old[1]}
        if added["rows"] + added["indexes"] > 0:
            found.setdefault(schema, {})[name] = added
    return found


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[KafkaBroker]:
    """A broker of our own."""
    with scratch_folder() as folder:
        made = KafkaBroker(folder)
        await made.start()
        try:
            yield made
        finally:
            made.kill()


async def main(names: list[str]) -> None:
    """Measure both ways of running."""
    figures: dict[str, Any] = {}
    for name in names or ["kafka", "postgresql"]:
        async with contextlib.AsyncExitStack() as stack:
            url, pid = await stack.enter_async_context(durable_postgres())
            folder = stack.enter_context(scratch_folder())
            kafka = await stack.enter_async_context(broker()) if name == "kafka" else None
            environ = {"TAM_LOYALTY_CODE_PEPPERS": PEPPER}
            if kafka is not None:
                environ["TAM_KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
            brokers = () if kafka is None else (kafka.pid,)
            under_test = await stack.enter_async_context(platform(url, pid, ROLES, brokers=brokers, **environ))
            figures[name] = await measured(under_test, url, kafka, folder)
            print(name, figures[name]["cpu_us_per_event"], file=sys.stderr)
    store("sizing", figures)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
