"""What earned growth and promises cost to read with 10,000 customers and with 100,000. About a minute.

The tables are filled in bulk in SQL with what the consumers would have written: two years of orders, two and a half a
customer in the mean, one in twenty with money back, one customer in ten merged, one in five with a reason why they
came, and a promise for each order. Both are read over a month and over a year, each beside the one before. A
read costs what lies in the periods: the few and the many differ by what they bought in them.
"""

import asyncio
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from time import monotonic
from typing import Any

from stand import Platform, durable_postgres, percentile, platform, store

from shared.db.engine import Database, make_engine

POPULATIONS = (10_000, 100_000)
READS = 5
# Few enough orders for one statement.
CHUNK = 250_000

# A person key from a number, as a hash is: in no order.
KEY = "CAST(md5(CAST({0} AS text)) AS uuid)"
ORDERS = f"""
    INSERT INTO orders (order_id, customer, placed_at, placed_id, placed_by_change, total_at, total_id, total_minor,
                        currency, refunds, is_cancelled)
    SELECT 'o-' || n, {KEY.format("1 + (hashint8(n) & 2147483647) % :customers")}, at,
           gen_random_uuid(), false, at, gen_random_uuid(), 100000 + n % 900000, 'VND',
           CASE WHEN n % 20 = 0 THEN jsonb_build_object('r', jsonb_build_array(
               to_char(at + interval '5 days', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'), gen_random_uuid(), 50000, 'VND'))
           END, n % 50 = 7
    FROM (SELECT n, now() - interval '730 days' * (1 - n / (:customers * 2.5)) AS at
          FROM generate_series(:first, :last) AS n) AS placed
    """
FILL = (
    f"""
    INSERT INTO identity (raw_id, parent_id, version, root_id)
    SELECT {KEY.format("n")}, {KEY.format("n + 1")}, 1, {KEY.format("n + 1")}
    FROM generate_series(10, :customers - 1, 10) AS n
    """,
    f"""
    INSERT INTO joining_answers (response_id, revision, customer, survey_id, version, at, chosen, reason)
    SELECT gen_random_uuid(), 1, {KEY.format("n")}, CAST(md5('survey') AS uuid), 1, now(), '{{}}',
           CASE WHEN n % 2 = 0 THEN 'earned' ELSE 'bought' END
    FROM generate_series(5, :customers, 5) AS n
    """,
    """
    INSERT INTO promises (kind, key, said_at, said_id, due_at, done_at)
    SELECT 'delivery', order_id, placed_at, placed_id, placed_at + interval '3 days',
           placed_at + interval '1 day' * (1 + total_minor % 30 / 10.0)
    FROM orders WHERE NOT is_cancelled
    """,
)


async def fill(url: str, customers: int) -> None:
    """Write the tables."""
    db = Database(make_engine(url, schema="metrics", pool_size=2), schema="metrics")
    ends = range(0, customers * 5 // 2, CHUNK)
    orders = [ORDERS.replace(":first", str(end + 1)).replace(":last", str(end + CHUNK)) for end in ends]
    for statement in (*orders, *FILL):
        async with db.engine.connect() as connection, connection.begin():
            await connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            await connection.exec_driver_sql(statement.replace(":customers", str(customers)))
    async with db.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("VACUUM ANALYZE")
    await db.dispose()


async def reads(under_test: Platform, path: str, params: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds and CPU of one read, and how many people or promises it spoke of."""
    async with under_test.client() as client:
        await client.get(path, params=params)
        seconds, before = [], under_test.spent()
        for _ in range(READS):
            begun = monotonic()
            answer = await client.get(path, params=params)
            answer.raise_for_status()
            seconds.append(monotonic() - begun)
        spent = under_test.spent().since(before)
    found = answer.json()
    spoken_of = sum(found["people"].values()) if "people" in found else found["promises"][0]["due"]
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1e3, 1),
        "our_cpu_ms": round(spent.ours / READS * 1e3, 1),
        "backend_cpu_ms": round(spent.backend / READS * 1e3, 1),
        "spoken_of": spoken_of,
    }


async def main() -> None:
    """Measure both populations."""
    figures: dict[str, Any] = {}
    today = date.today()  # noqa: DTZ011 - any day will do
    for customers in POPULATIONS:
        async with durable_postgres() as (url, pid), platform(url, pid, ["api"]) as under_test:
            begun = monotonic()
            await fill(url, customers)
            print(f"filled in {monotonic() - begun:.0f} s", file=sys.stderr)
            found: dict[str, Any] = {}
            for name, days in (("a month", 30), ("a year", 360)):
                span = {"from": str(today - timedelta(days=days)), "to": str(today - timedelta(days=1))}
                found[f"earned growth of {name}"] = await reads(under_test, "/v1/metrics/earned-growth", span)
                found[f"promises of {name}"] = await reads(under_test, "/v1/metrics/promises", span)
            figures[f"{customers:,} customers"] = found
            print(customers, found, file=sys.stderr)
    store("gap", figures)


if __name__ == "__main__":
    asyncio.run(main())
