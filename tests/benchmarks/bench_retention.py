"""Silences, cohorts, waits and scores of 100,000 and of 1,000,000 customers: what is read from sums, counted, and kept.

python tests/benchmarks/bench_retention.py [customers ...]

The tables are filled in bulk with what the consumer would have written: customers come over two years, and buy again
after times of their own. What is counted of them by looking at everybody is told apart from what sums of days give.
"""

import asyncio
import sys
from datetime import UTC, datetime
from time import monotonic, process_time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import create_async_engine
from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.metrics.app import service as metrics
from services.metrics.domain.calendar import day_number
from services.metrics.domain.lifeline import NEVER, NOT_YET
from services.metrics.freshness.service import Freshness
from services.metrics.retention.domain.windows import Asked
from services.metrics.retention.service import subjects
from services.metrics.retention.service.reading import Retention
from services.metrics.retention.service.scanning import Scans, locks
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.db.engine import Database, async_url, make_engine
from shared.db.migrate import upgrade
from shared.runtime.trees import trees_of

DAYS, SEGMENTS, READS = 730, 12, 40
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY = day_number(datetime.now(UTC).astimezone(ZONE).date())
FILL = (
    """
    CREATE UNLOGGED TABLE bought AS
    WITH person AS (
        SELECT n, CAST(:first AS int) + abs(hashint8(n)) % CAST(:days AS int) AS day,
               5 + abs(hashint8(n + 1)) % 120 AS pace,
               CASE WHEN abs(hashint8(n + 2)) % 2 = 0 THEN 1 ELSE 1 + abs(hashint8(n + 3)) % 8 END AS times
        FROM generate_series(CAST(1 AS bigint), :customers) AS n
    )
    SELECT DISTINCT n, day + nth * pace + abs(hashint8(n * 31 + nth)) % pace AS day
    FROM person CROSS JOIN LATERAL generate_series(0, times - 1) AS nth
    WHERE day + nth * pace + pace <= CAST(:today AS int)""",
    """
    INSERT INTO activity
    SELECT CAST(md5(CAST(n AS text)) AS uuid), array_agg(day ORDER BY day), array_agg(CAST('VND' AS text)),
           array_agg(1), array_agg(100000 + abs(hashint8(n)) % 900000)
    FROM bought GROUP BY n ORDER BY 1""",
    """
    INSERT INTO cells
    SELECT 'day', day, next_day, count(*) FROM (
        SELECT day, coalesce(lead(day) OVER (PARTITION BY n ORDER BY day), CAST(:not_yet AS int)) AS next_day
        FROM bought
        UNION ALL SELECT CAST(:never AS int), min(day) FROM bought GROUP BY n
    ) AS c GROUP BY 1, 2, 3""",
    """
    INSERT INTO cells
    SELECT 'repeat', days[1], coalesce(days[2], CAST(:not_yet AS int)), count(*) FROM activity GROUP BY 1, 2, 3""",
    """
    INSERT INTO segment_members
    SELECT customer, CAST(lpad(to_hex(abs(hashtext(CAST(customer AS text))) % CAST(:segments AS int)), 32, '0') AS uuid)
    FROM activity""",
)


async def fill(url: str, db: Database, customers: int) -> None:
    """The tables, and what PostgreSQL knows of them."""
    given = {
        "first": TODAY - DAYS,
        "days": DAYS,
        "today": TODAY,
        "customers": customers,
        "never": NEVER,
        "not_yet": NOT_YET,
        "segments": SEGMENTS,
    }
    for statement in FILL:
        async with db.write() as tx:
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            await tx.execute(statement, wanted)
    engine = create_async_engine(async_url(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SET search_path TO metrics")
        await connection.exec_driver_sql("VACUUM ANALYZE")
    await engine.dispose()


async def counts(scans: Scans, postgres: int) -> dict[str, Any]:
    """Seconds to count each subject, and CPU of PostgreSQL for each customer."""
    found: dict[str, Any] = {}
    every = (subjects.SILENCES, subjects.SECOND_ORDERS, subjects.silent_then(180), subjects.GROUPED_SILENCES)
    for subject in (*every, subjects.NEXT_ORDERS, subjects.RFM, subjects.SEGMENTS, *subjects.COHORTS.values()):
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
        await fill(url, db, customers)
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
