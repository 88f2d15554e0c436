"""Orders a second that one worker turns into points. About a minute.

On a PostgreSQL that syncs each commit, worker and server on the same cores: records are decoded, orders folded, awards
worked out, settled with the ledger, and the events written to the outbox.

* one by one: each order in a transaction of its own, as a naive consumer does it;
* in batches of 2,000, one after the other, under one rule that asks for the order alone;
* the same with lines, a category multiplier, a cap a day, a tier multiplier and a tier track: each order is judged by
  what the person did before;
* a worker: both again as they really run, from a log of six partitions that the consumer of the product reads to its
  end; while PostgreSQL stores the batch of one partition, that of another is worked out.

Afterwards the ledger is recounted: points of all awards = balances of all wallets.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic, process_time
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from bench_consuming import consumed, fill
from stand import cpu_seconds, descendants, store

from services.loyalty.app import service as manifest
from services.loyalty.earning.schemas.rules import RuleIn
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.tiers.schemas import TrackIn
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue.touchpoints import OrderLine, OrderPlaced
from shared.events.envelope import Catalogue, Event, encode
from shared.events.topics import TOPICS
from shared.ids import user_key, uuid7
from shared.runtime.garbage import tune
from shared.runtime.trees import trees_of
from shared.testing.postgres import scratch_folder

BATCH = 2_000
SECONDS = 8.0
PARTITIONS, BACKLOG = 6, 36_000
ORDERS_A_PERSON = 3
START = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)

PLAIN = {
    "trigger": {"on": "order"},
    "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
}
RICH = (
    {**PLAIN, "caps": [{"per": "day", "points": 500}]},
    {
        "trigger": {"on": "order"},
        "conditions": {"lines": {"categories": ["tea"]}},
        "effect": {"kind": "multiplier", "factor": "2"},
    },
    {"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "main"}},
    {"trigger": {"on": "order"}, "conditions": {"first_order": True}, "effect": {"kind": "fixed", "points": 50}},
)
TRACK = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "rolling", "months": 12},
    "levels": [
        {"key": "silver", "threshold": 500_000},
        {"key": "gold", "threshold": 1_500_000, "benefits": {"multiplier": "1.5"}},
    ],
}


class Firm:
    """Loyalty at one database, and its orders as they come from the bus."""

    def __init__(self, url: str, postgres: int, *, has_lines: bool) -> None:
        self.postgres, self.has_lines = postgres, has_lines
        self.db = Database(make_engine(url, schema="loyalty", pool_size=8), schema="loyalty", outbox=OutboxWriter())
        self.service = LoyaltyService(self.db, SystemClock(), ZoneInfo("Asia/Ho_Chi_Minh"), LoyaltySettings())
        self.catalogue = Catalogue((OrderPlaced,))
        self.random, self.number = Random(7), 0

    async def rules(self, rules: Sequence[dict[str, Any]], track: dict[str, Any] | None) -> None:
        """The programme."""
        if track is not None:
            body = TrackIn.model_validate({"track": track, "version": 0, "effective_from": SINCE.isoformat()})
            await self.service.tracks.put("main", body, by="bench", idem=None)
        for number, rule in enumerate(rules):
            said = {"name": f"rule {number}", "state": "active", "rule": rule, "retroactive": True}
            body_in = RuleIn.model_validate({**said, "effective_from": SINCE.isoformat()})
            await self.service.earning_rules.create(body_in, by="bench", idem=None)

    def records(self, size: int) -> list[bytes]:
        """Orders as they stand in the log."""
        return [encode(each) for each in self.orders(size)]

    def orders(self, size: int) -> list[Event[Any]]:
        """Orders as they come: people come back, each a day later."""
        made = []
        for _ in range(size):
            turn, person = divmod(self.number, BATCH * 2)
            turn, person = turn % ORDERS_A_PERSON, person + self.number // (BATCH * 2 * ORDERS_A_PERSON) * BATCH * 2
            total = self.random.randrange(50_000, 900_000)
            tea = total // 3
            lines = (OrderLine("p1", "s1", "tea", 1, tea), OrderLine("p2", "s2", "cups", 2, (total - tea) // 2))
            at = START + timedelta(days=turn, seconds=self.number % 86_400)
            data = OrderPlaced(
                order_id=f"o-{self.number}",
                total_minor=total,
                currency="VND",
                source="web",
                lines=lines if self.has_lines else None,
            )
            made.append(Event(uuid7(), user_key(f"u-{person}"), at, at, data))
            self.number += 1
        return made

    async def earn(self, records: Sequence[bytes]) -> None:
        """One batch, as the worker delivers it."""
        events: list[Any] = [self.catalogue.decode(each) for each in records]
        async with self.db.write() as tx:
            await self.service.earning.record_orders(tx, events)

    async def recount(self) -> dict[str, int]:
        """Points of the awards, and points of the wallets."""
        async with self.db.read() as tx:
            row = (
                await tx.execute(
                    "SELECT (SELECT coalesce(sum(points), 0) FROM awards) AS awards, "
                    "(SELECT coalesce(sum(available + pending - debt), 0) FROM wallets) AS wallets, "
                    "(SELECT count(*) FROM tier_states WHERE level IS NOT NULL) AS levels"
                )
            ).one()
        assert row.awards == row.wallets > 0, row
        return {"points": int(row.wallets), "levels": row.levels}


async def measured(firm: Firm, size: int, seconds: float) -> dict[str, Any]:
    """Orders a second, and what one costs us and PostgreSQL."""
    done = 0
    end = monotonic() + seconds
    ours = theirs = spent = 0.0
    while monotonic() < end:
        records = firm.records(size)
        began, mine, its = monotonic(), process_time(), cpu_seconds(descendants(firm.postgres))
        await firm.earn(records)
        spent += monotonic() - began
        ours += process_time() - mine
        theirs += cpu_seconds(descendants(firm.postgres)) - its
        done += size
    return {
        "orders": done,
        "per_second": round(done / spent),
        "our_cpu_us_each": round(ours / done * 1e6, 1),
        "postgres_cpu_us_each": round(theirs / done * 1e6, 1),
        **await firm.recount(),
    }


async def worked(firm: Firm, url: str) -> dict[str, Any]:
    """The same of the consumer itself, from a log of several partitions."""
    bus = PostgresBus(url, sole=True)
    await bus.start()
    try:
        await bus.ensure_topics(TOPICS, partitions=PARTITIONS)
        await fill(bus, firm.orders(BACKLOG))
        # As the platform does it once all is open.
        tune()
        to = next(each for each in manifest.subscriptions if each.group == "loyalty.orders")
        mine, its = process_time(), cpu_seconds(descendants(firm.postgres))
        seconds = await consumed(bus, firm.db, firm.service, to, OrderPlaced.topic.name, to.max_batch)
        return {
            "orders": BACKLOG,
            "per_second": round(BACKLOG / seconds),
            "our_cpu_us_each": round((process_time() - mine) / BACKLOG * 1e6, 1),
            "postgres_cpu_us_each": round((cpu_seconds(descendants(firm.postgres)) - its) / BACKLOG * 1e6, 1),
            **await firm.recount(),
        }
    finally:
        await bus.stop()


async def scenario(
    rules: Sequence[dict[str, Any]], track: dict[str, Any] | None, size: int, seconds: float | None
) -> dict[str, Any]:
    """One programme on a fresh database: batches for so many seconds, or (None) what a worker does with a backlog."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder)
        url = await server.start()
        try:
            found = running((folder / "pg").resolve() / "data")
            assert found is not None
            firm = Firm(url, found[0], has_lines=len(rules) > 1)
            await upgrade(firm.db.engine, trees_of([manifest]))
            await firm.rules(rules, track)
            await firm.earn(firm.records(min(size, 50)))
            tune()
            result = await worked(firm, url) if seconds is None else await measured(firm, size, seconds)
            await firm.db.dispose()
            return result
        finally:
            await server.stop()


async def main() -> None:
    """Measure, print, keep."""
    results = {
        "one_by_one": await scenario([PLAIN], None, 1, SECONDS / 2),
        "batches": await scenario([PLAIN], None, BATCH, SECONDS),
        "batches_of_histories": await scenario(RICH, TRACK, BATCH, SECONDS),
        "worker": await scenario([PLAIN], None, BATCH, None),
        "worker_of_histories": await scenario(RICH, TRACK, BATCH, None),
    }
    naive = results["one_by_one"]["per_second"]
    results["ratio"] = {name: round(each["per_second"] / naive, 1) for name, each in results.items()}
    print(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())
    store("earning", results)


if __name__ == "__main__":
    asyncio.run(main())
