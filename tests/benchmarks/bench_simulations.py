"""A whole programme simulated over a year of orders, on a PostgreSQL that syncs each commit. Minutes with a million.

    python tests/benchmarks/bench_simulations.py [members] [orders of each]

Members are looked at slice by slice, as the job does it: how many in a second at the beginning and at the end, which
are the same where nothing grows, what one costs, and by how much the process grew.
"""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from stand import cpu_seconds, descendants, durable_postgres, store

from services.loyalty.app import service as manifest
from services.loyalty.earning.schemas.rules import RuleIn
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.simulations.schemas.asking import SimulationIn
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.runtime.trees import trees_of

MEMBERS, ORDERS = 100_000, 10
# Orders of a member are spread over a year, a thousandth of them went back.
FILL = """
    INSERT INTO orders (order_id, customer, placed_at, placed_id, placed_by_change, total_at, total_id, total_minor,
        currency, is_cancelled, net_minor, told_at)
    SELECT 'o-' || m || '-' || n, md5('bench' || m)::uuid, at, gen_random_uuid(), false, at, gen_random_uuid(),
        100000 + (m * 7919 + n * 104729) % 900000, 'VND', (m + n) % 1000 = 0,
        CASE WHEN (m + n) % 1000 = 0 THEN 0 ELSE 100000 + (m * 7919 + n * 104729) % 900000 END, at
    FROM generate_series(1, :members) AS m, generate_series(1, :orders) AS n,
        LATERAL (SELECT CAST(:since AS timestamptz)
            + make_interval(secs => (m * 31 + n * 3000017) % 31000000) AS at) AS t
"""
RULE: dict[str, Any] = {
    "trigger": {"on": "order"},
    "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
}


@asynccontextmanager
async def loyalty(url: str) -> AsyncIterator[LoyaltyService]:
    """The service on a database."""
    db = Database(make_engine(url, schema="loyalty"), schema="loyalty", outbox=OutboxWriter())
    try:
        await upgrade(db.engine, trees_of([manifest]))
        vault = Vault([os.urandom(32)])
        yield LoyaltyService(db, SystemClock(), ZoneInfo("Asia/Ho_Chi_Minh"), LoyaltySettings(), vault)
    finally:
        await db.dispose()


async def filled(service: LoyaltyService, members: int, orders: int, since: datetime) -> None:
    """A year of orders, as the consumer would have kept them."""
    async with service.db.engine.begin() as connection:
        await connection.execute(text(FILL), {"members": members, "orders": orders, "since": since})
    # It may not run in a transaction.
    async with service.db.glance() as tx:
        await tx.execute("VACUUM ANALYZE orders")


async def worked_off(service: LoyaltyService, asked: UUID, members: int) -> list[tuple[float, int]]:
    """After how many seconds how many members were looked at."""
    seen: list[tuple[float, int]] = []
    done, began = 0, monotonic()

    def moved(more: int) -> None:
        nonlocal done
        done += more
        seen.append((monotonic() - began, done))

    while await service.simulations.advance(asked, moved):
        if len(seen) % 100 == 0:
            print(f"{done} of {members} members", file=sys.stderr)
    return seen


def per_second(seen: list[tuple[float, int]], first: float, last: float) -> int:
    """Members in a second between two shares of the way."""
    a, b = (seen[min(len(seen) - 1, int(share * len(seen)))] for share in (first, last))
    return round((b[1] - a[1]) / (b[0] - a[0]))


async def measured(url: str, postgres: int, members: int, orders: int) -> dict[str, Any]:
    """What a year of so many members takes."""
    since = datetime.now(UTC) - timedelta(days=360)
    async with loyalty(url) as service:
        body = RuleIn.model_validate(
            {"name": "base", "state": "active", "rule": RULE, "effective_from": since.isoformat(), "retroactive": True}
        )
        await service.earning_rules.create(body, by="bench", idem=None)
        await filled(service, members, orders, since)
        another = {**RULE, "effect": {**RULE["effect"], "points": 2}}
        proposal = SimulationIn.model_validate({"from": since.isoformat(), "rules": [{"rule": another}]})
        asked = await service.simulations.begin(proposal, by="bench")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours, theirs = process_time(), cpu_seconds(descendants(postgres))
        seen = await worked_off(service, asked.id, members)
        ours, theirs = process_time() - ours, cpu_seconds(descendants(postgres)) - theirs
        result = await service.simulations.result(asked.id)
    return {
        "members": members,
        "orders": members * orders,
        "seconds": round(seen[-1][0], 1),
        "members_per_second": round(members / seen[-1][0]),
        "first_tenth_per_second": per_second(seen, 0.01, 0.1),
        "last_tenth_per_second": per_second(seen, 0.9, 1.0),
        "our_cpu_us_per_order": round(ours / members / orders * 1e6, 1),
        "backend_cpu_us_per_order": round(theirs / members / orders * 1e6, 1),
        "grown_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1),
        "state": result.simulation.state,
        "looked_at": result.simulation.done,
    }


async def main() -> None:
    """Measure, and keep it."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS
    orders = int(sys.argv[2]) if len(sys.argv) > 2 else ORDERS
    async with durable_postgres() as (url, postgres):
        found = await measured(url, postgres, members, orders)
    store("simulations", found)


if __name__ == "__main__":
    asyncio.run(main())
