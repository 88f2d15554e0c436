"""Silences, cohorts, waits and scores of 100,000 and of 1,000,000 customers: what is read from sums, counted, and kept.

python tests/benchmarks/bench_retention.py [customers ...]

The tables are filled in bulk with what the consumer would have written: customers come over two years, and buy again
after times of their own. What is counted of them by looking at everybody is told apart from what sums of days give.
"""

import asyncio
import sys
from time import monotonic, process_time
from typing import Any

import shop
from bench_satisfaction import analyse, slow_database
from shop import TODAY, ZONE
from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.metrics.app import service as metrics
from services.metrics.freshness.service import Freshness
from services.metrics.retention.domain.windows import Asked
from services.metrics.retention.service import subjects
from services.metrics.retention.service.reading import Retention
from services.metrics.retention.service.scanning import Scans, locks
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.runtime.trees import trees_of

READS = 40


async def counts(scans: Scans, postgres: int) -> dict[str, Any]:
    """Seconds to count each subject, and CPU of PostgreSQL for each customer."""
    found: dict[str, Any] = {}
    every = (subjects.SILENCES, subjects.SECOND_ORDERS, subjects.silent_then(180), subjects.GROUPED_SILENCES)
    for subject in (*every, subjects.NEXT_ORDERS, subjects.RFM_GROUPS, subjects.SEGMENTS, *subjects.COHORTS.values()):
        begun, cpu = monotonic(), cpu_seconds(descendants(postgres))
        await scans.count(subject, TODAY)
        found[subject.name] = {
            "seconds": round(monotonic() - begun, 3),
            "cpu_seconds": round(cpu_seconds(descendants(postgres)) - cpu, 3),
        }
    return found


async def reads(retention: Retention, postgres: int) -> dict[str, dict[str, float]]:
    """Milliseconds of reads, of what is kept and of what is quick: by the clock, and of CPU, ours and PostgreSQL's."""
    every = {
        "window": lambda: retention.window(Asked()),
        "lifecycle": lambda: retention.lifecycle("month"),
        "cohorts": lambda: retention.cohorts("month", "on_or_after"),
        "recurring": retention.recurring,
        "rfm": retention.rfm,
        "segments": lambda: retention.segments(90),
    }
    found: dict[str, dict[str, float]] = {}
    for name, read in every.items():
        times = []
        await read()
        own, others = process_time(), cpu_seconds(descendants(postgres))
        for _ in range(READS):
            begun = monotonic()
            await read()
            times.append(1000 * (monotonic() - begun))
        cpu = process_time() - own + cpu_seconds(descendants(postgres)) - others
        found[name] = {
            "p50_ms": round(percentile(times, 0.5), 1),
            "p99_ms": round(percentile(times, 0.99), 1),
            "cpu_ms": round(1000 * cpu / READS, 1),
        }
    return found


async def measure(customers: int) -> dict[str, Any]:
    """One size, on a database of its own."""
    async with durable_postgres() as (url, pid):
        db = Database(make_engine(url, schema="metrics"), schema="metrics")
        await upgrade(db.engine, trees_of((metrics,)))
        filling = slow_database(url)
        await shop.fill(filling, customers)
        await analyse(filling)
        await filling.dispose()
        bus = PostgresBus(url, sole=True)
        await bus.start()
        clock = SystemClock()
        freshness = Freshness(bus, clock, ())
        scans = Scans(db, clock, ZONE, freshness, locks())
        retention = Retention(db, clock, ZONE, "VND", freshness, freshness, locks())
        async with db.read() as tx:
            pairs = (await tx.execute("SELECT count(*) FROM cells")).scalar_one()
            purchases = (await tx.execute("SELECT count(*) FROM bought")).scalar_one()
        figures = {"purchases": purchases, "cells": pairs, "counted": await counts(scans, pid)}
        figures["reads"] = await reads(retention, pid)
        await bus.stop()
        await db.dispose()
    return figures


async def main() -> None:
    """Measure, and keep the figures."""
    sizes = [int(each) for each in sys.argv[1:]] or [100_000, 1_000_000]
    store("retention", {f"{size} customers": await measure(size) for size in sizes})


if __name__ == "__main__":
    asyncio.run(main())
