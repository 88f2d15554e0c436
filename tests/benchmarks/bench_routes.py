"""What each summary route of metrics costs with a thousand, a million and ten million customers. Half an hour.

The tables are filled in bulk with what the consumers would have written: two years of purchases and of subscriptions,
segments, points, complaints, scores; and a fit that is served, so that customers are valued. Each route is then read
over HTTP: the first time, when what takes long is counted, and again.

    python bench_routes.py [--keep FOLDER] [CUSTOMERS ...]

With `--keep` the databases stay in that folder, and are filled there once: filling ten million takes some ten minutes.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import bench_scorecard
import shop
from bench_satisfaction import analyse, slow_database
from bench_subscriptions import FILL as SUBSCRIPTIONS
from shop import DAYS, TODAY
from stand import Platform, durable_postgres, percentile, platform, store

from services.metrics.retention.service.scanning import SMALL
from services.metrics.value.domain.fitted import Fitted, Parameters
from services.metrics.value.repository import sums
from services.registry import SERVICES
from shared.db.engine import Database
from shared.ids import uuid7
from shared.runtime.platform import migrate

POPULATIONS = (1_000, 1_000_000, 10_000_000)
READS = 40
PATIENCE_SECONDS = 1_200
# While a database is filled: what a crash would take is filled again.
FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'32GB'", "autovacuum": "off"}
NOW = datetime.now(UTC).date()
MONTH = f"from={NOW - timedelta(days=29)}&to={NOW}"
PAST = NOW - timedelta(days=200)
ROUTES = (
    "summary",
    f"summary?as_of={PAST}",
    "series/lapsed_customers?period=month",
    "lapse-window",
    "lifecycle?period=month",
    "cohorts?period=month",
    "cohorts?period=week",
    "repeat-purchases",
    "rfm",
    f"lapse-window?as_of={PAST}",
    f"cohorts?period=month&as_of={PAST}",
    f"repeat-purchases?as_of={PAST}",
    f"rfm?as_of={PAST}",
    "lapse-by-segment",
    f"earned-growth?{MONTH}",
    "delivery-gap",
    f"promises?{MONTH}",
    "nps",
    "csat",
    "ces",
    "nps/series",
    "scorecard",
    "scorecard?as_of={day}",
    "alarms",
    "clv",
    "clv?horizon_days=180",
    f"clv?as_of={PAST}",
    f"clv?as_of={PAST}&horizon_days=180",
    "historical-clv",
    f"historical-clv?as_of={PAST}",
    "models",
    "subscriptions/churn",
    "subscriptions/mrr",
    "subscriptions/movements?period=month",
    "subscriptions/cohorts",
    "subscriptions/value?currency=USD",
)


async def fill(url: str, customers: int) -> None:
    """Everything that the routes read."""
    db = slow_database(url)
    # Without the times of subscribing: filled with all that days can have, more would have left than came.
    for statement in (SUBSCRIPTIONS[0], *SUBSCRIPTIONS[2:]):
        async with db.write() as tx:
            days = min(DAYS, customers)
            await tx.execute(statement.replace(":today", str(TODAY)).replace(":days", str(days)))
    await shop.fill(db, customers)
    async with db.write() as tx:
        await tx.execute("DROP TABLE bought")
        await bench_scorecard.say(tx, max(1, customers // DAYS))
    await fitted(db)
    await analyse(db)
    await db.dispose()


async def fitted(db: Database) -> None:
    """A fit of today that is served: the one of CDNOW's sample, in days and in money of this shop."""
    async with db.write() as tx:
        mark = await sums.mark(tx, "VND", TODAY)
        fit = Fitted(
            currency="VND",
            day=TODAY,
            mark=mark,
            repeaters=mark[0] // 2,
            models={"bg_nbd": parameters(0.2426, 30.8952, 0.7929, 2.4259)},
            spending=parameters(6.25, 3.74, 1_544_000.0),
            trial=None,
            chosen="bg_nbd",
            reasons=(),
            error=0.02,
            mean_minor=1e6,
            independence=0.0,
        )
        await sums.add(tx, uuid7(), datetime.now(UTC), fit)


def parameters(*found: float) -> Parameters:
    """Where a likelihood is highest, to two digits."""
    covariance = tuple(tuple(float(row == column) * 1e-4 for column in found) for row in found)
    return Parameters(
        parameters=found,
        standard_errors=tuple(each / 100 for each in found),
        covariance=covariance,
        log_likelihood=-1.0,
        steps=1,
        problem=None,
    )


async def counted(under_test: Platform, url: str, customers: int) -> None:
    """Wait until what the clock counts was counted once, as in a shop that runs, where scrapes come all the time."""
    db, deadline = slow_database(url), monotonic() + PATIENCE_SECONDS
    async with under_test.client() as client:
        while b"predicted_clv_total{" not in (await client.get("/metrics")).content and monotonic() < deadline:
            await asyncio.sleep(1)
    while customers > SMALL and monotonic() < deadline:
        async with db.read() as tx:
            if (await tx.execute("SELECT count(*) FROM past_walk")).scalar_one():
                break
        await asyncio.sleep(1)
    await db.dispose()


async def reads(under_test: Platform) -> dict[str, dict[str, float]]:
    """Milliseconds and CPU of each route."""
    found: dict[str, dict[str, float]] = {}
    async with under_test.client() as client:
        for route in ROUTES:
            # Of another day each time, where it would be kept of one.
            addresses = (f"/v1/metrics/{route}".format(day=NOW - timedelta(days=each)) for each in count())
            begun = monotonic()
            answer = await client.get(next(addresses))
            first = monotonic() - begun
            if answer.is_error:
                found[route] = {"status": answer.status_code, "first_ms": round(1e3 * first, 1)}
                print(route, answer.status_code, answer.text[:200], file=sys.stderr)
                continue
            number = READS if first < 1 else 10
            for _ in range(3):
                await client.get(next(addresses))
            seconds, before = [], under_test.spent()
            for _ in range(number):
                begun = monotonic()
                await client.get(next(addresses))
                seconds.append(monotonic() - begun)
            spent = under_test.spent().since(before)
            found[route] = {
                "first_ms": round(1e3 * first, 1),
                "p50_ms": round(1e3 * percentile(seconds, 0.5), 1),
                "p99_ms": round(1e3 * percentile(seconds, 0.99), 1),
                "our_cpu_ms": round(1e3 * spent.ours / number, 1),
                "backend_cpu_ms": round(1e3 * spent.backend / number, 1),
            }
            print(route, found[route], file=sys.stderr)
    return found


@asynccontextmanager
async def filled(customers: int, keep: Path | None) -> AsyncIterator[tuple[str, int]]:
    """A server with so many customers: its URL and its process."""
    folder = None if keep is None else keep / str(customers)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
    async with durable_postgres(folder) as (url, pid):
        if folder is None or not (folder / "filled").exists():
            begun = monotonic()
            await migrate(url, SERVICES)
            await configure(url, "ALTER SYSTEM SET {} = {}")
            await fill(url, customers)
            await configure(url, "ALTER SYSTEM RESET {}")
            print(f"{customers:,} customers filled in {monotonic() - begun:.0f} s", file=sys.stderr)
            if folder is not None:
                (folder / "filled").touch()
        yield url, pid


async def configure(url: str, statement: str) -> None:
    """Change the settings that filling has of its own, and write all there is to the disk."""
    db = slow_database(url)
    async with db.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for name, value in FAST.items():
            await autocommit.exec_driver_sql(statement.format(name, value))
        await autocommit.exec_driver_sql("SELECT pg_reload_conf()")
        await autocommit.exec_driver_sql("CHECKPOINT")
    await db.dispose()


async def main(populations: tuple[int, ...], keep: Path | None) -> None:
    """Measure each population, on a server of its own."""
    figures: dict[str, Any] = {}
    for customers in populations:
        async with (
            filled(customers, keep) as (url, pid),
            platform(url, pid, ["all"], TAM_CURRENCY="VND") as under_test,
        ):
            await counted(under_test, url, customers)
            figures[f"{customers:,} customers"] = await reads(under_test)
    store("routes", figures)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("customers", type=int, nargs="*", default=POPULATIONS)
    asked.add_argument("--keep", type=Path)
    arguments = asked.parse_args()
    asyncio.run(main(tuple(arguments.customers), arguments.keep))
