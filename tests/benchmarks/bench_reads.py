"""What a summary costs with 2,357 customers and with 1,000,000. About two minutes.

The tables are filled in bulk with what the ledger would have written: two years of purchases, three a customer in the
mean; cells, money per day and activity. A summary as of today, and as of a day a year ago, is then read over HTTP.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from stand import Platform, durable_postgres, percentile, platform, store

from services.metrics.domain.calendar import day_number
from services.metrics.domain.lifeline import cells
from services.metrics.domain.purchases import Bought
from services.metrics.ledger.repository import ACTIVITY_COLUMNS, activity_rows
from shared.db.bulk import insert_rows
from shared.db.engine import Database, make_engine

POPULATIONS = (2_357, 1_000_000)
DAYS = 730
READS = 200
CHUNK = 20_000


def lives(customers: int) -> Iterator[dict[int, int]]:
    """The purchases per day of each customer."""
    dice = random.Random(customers)
    today = day_number(date.today())  # noqa: DTZ011 - any day will do
    for _ in range(customers):
        days: Counter[int] = Counter()
        for _ in range(1 + int(dice.expovariate(0.5))):
            days[today - dice.randrange(DAYS)] += 1
        yield days


async def fill(url: str, customers: int) -> None:
    """Write the ledger's tables."""
    counted: Counter[Any] = Counter()
    money: Counter[int] = Counter()
    db = Database(make_engine(url, schema="metrics", pool_size=2), schema="metrics")
    activity: list[tuple[UUID, str, str, str, str]] = []

    async def flush() -> None:
        async with db.write() as tx:
            await insert_rows(tx, "activity", ACTIVITY_COLUMNS, activity)
        activity.clear()

    for number, days in enumerate(lives(customers)):
        counted.update(cells(days))
        money.update(days)
        bought = {(day, "VND"): Bought(orders, orders * 250_000) for day, orders in days.items()}
        activity += activity_rows({UUID(int=number): bought})
        if len(activity) == CHUNK:
            await flush()
    await flush()
    async with db.write() as tx:
        rows = sorted((*cell, people) for cell, people in counted.items())
        await insert_rows(tx, "cells", {"kind": "text", "day": "int", "next_day": "int", "customers": "bigint"}, rows)
        sums = [(day, "VND", orders, orders * 250_000, 0, 0) for day, orders in sorted(money.items())]
        await insert_rows(
            tx,
            "day_money",
            {
                "day": "int",
                "currency": "text",
                "orders": "bigint",
                "gross_minor": "numeric",
                "refunds_minor": "numeric",
                "unmatched": "bigint",
            },
            sums,
        )
    async with db.engine.connect() as connection:
        await connection.exec_driver_sql("ANALYZE")
        await connection.commit()
    await db.dispose()


async def reads(under_test: Platform, **params: str) -> dict[str, float]:
    """Milliseconds and CPU of one read."""
    async with under_test.client() as client:
        for _ in range(20):
            (await client.get("/v1/metrics/summary", params=params)).raise_for_status()
        seconds, before = [], under_test.spent()
        for _ in range(READS):
            begun = monotonic()
            await client.get("/v1/metrics/summary", params=params)
            seconds.append(monotonic() - begun)
        spent = under_test.spent().since(before)
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1e3, 2),
        "our_cpu_us": round(spent.ours / READS * 1e6),
        "backend_cpu_us": round(spent.backend / READS * 1e6),
    }


async def main() -> None:
    """Measure both populations, and their ratio."""
    figures: dict[str, Any] = {}
    a_year_ago = str(date.today() - timedelta(days=365))  # noqa: DTZ011
    for customers in POPULATIONS:
        # Its own server: caches and statistics of one population are not the other's.
        async with durable_postgres() as (url, pid), platform(url, pid, ["api"]) as under_test:
            await fill(url, customers)
            async with under_test.client() as client:
                found = (await client.get("/v1/metrics/summary")).json()["customers"]["value"]
            assert found == customers, found
            figures[f"{customers:,} customers"] = {
                "today": await reads(under_test),
                "a year ago": await reads(under_test, as_of=a_year_ago),
            }
            print(customers, figures[f"{customers:,} customers"], file=sys.stderr)
    few, many = (figures[f"{customers:,} customers"] for customers in POPULATIONS)
    figures["ratio"] = {
        when: {
            "p50": round(many[when]["p50_ms"] / few[when]["p50_ms"], 2),
            "cpu": round(_cpu(many[when]) / _cpu(few[when]), 2),
        }
        for when in few
    }
    store("reads", figures)


def _cpu(found: dict[str, float]) -> float:
    return found["our_cpu_us"] + found["backend_cpu_us"]


if __name__ == "__main__":
    asyncio.run(main())
