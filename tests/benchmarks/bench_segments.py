"""Segments among 1,000,000 customers: what a preview takes, and how fast 50 segments follow facts. About three minutes.

The tables are filled in bulk with what consumers would have written: every twentieth customer merged into another, two
traits a customer, events and orders for some. Facts are then handed to the use case that the consumer calls, in batches
of one partition, in one process; each batch is one transaction that commits durably.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.profiles.activity.service import ActivityService
from services.profiles.app import service as profiles
from services.profiles.membership.domain import Touched
from services.profiles.membership.service import PIECE, Membership
from services.profiles.segments.schemas import PreviewOut, SegmentIn
from services.profiles.segments.service import SegmentsService
from services.profiles.settings import ProfilesSettings
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue.touchpoints import OrderPlaced, TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import uuid7
from shared.runtime.trees import trees_of

PEOPLE = 1_000_000
SEGMENTS = 50
BATCH, BATCHES = 1_000, 20
ACTIVE = 3_000
PREVIEWS = 7
CHUNK = 100_000
NAMES = ("Product Viewed", "Cart Viewed", "Product Added")
# As a key in SQL and in Python.
KEY = "CAST(lpad(to_hex(n), 32, '0') AS uuid)"

FILL = {
    "customers": f"""
        INSERT INTO customers (id, identified, source, first_seen, last_seen, created_at, updated_at)
        SELECT {KEY}, n % 3 = 0, 'web', now() - n * INTERVAL '30 seconds', now(), now(), now()
        FROM generate_series(CAST(:low AS int), :high) AS n""",
    "merged": f"""
        INSERT INTO identity (raw_id, parent_id, version, root_id)
        SELECT {KEY}, {KEY.replace("to_hex(n)", "to_hex(n - 1)")}, 1, {KEY.replace("to_hex(n)", "to_hex(n - 1)")}
        FROM generate_series(CAST(:low AS int), :high) AS n WHERE n % 20 = 0""",
    "traits": f"""
        INSERT INTO traits (customer_id, name, value, source, event_id, event_time, recorded_at, is_change)
        SELECT {KEY}, t.name, t.value, 'web', {KEY}, now() - n * INTERVAL '1 second', now(), true
        FROM generate_series(CAST(:low AS int), :high) AS n CROSS JOIN LATERAL (VALUES
            ('city', to_jsonb((ARRAY['Huế', 'Hà Nội', 'Đà Nẵng', 'Cần Thơ'])[1 + n % 4])),
            ('age', to_jsonb(18 + n % 60))
        ) AS t (name, value)""",
    "events": f"""
        INSERT INTO event_days (customer_id, name, day, count, first_at, last_at, instants)
        SELECT {KEY}, (ARRAY['Product Viewed', 'Cart Viewed'])[1 + d % 2], CAST(now() AS date) - d - n % 30, 3,
               now() - (d + n % 30) * INTERVAL '1 day', now() - (d + n % 30) * INTERVAL '1 day',
               ARRAY[now() - (d + n % 30) * INTERVAL '1 day']
        FROM generate_series(CAST(:low AS int), :high) AS n CROSS JOIN generate_series(0, 3) AS d WHERE n % 2 = 1""",
    "orders": f"""
        INSERT INTO orders (order_id, customer_id, placed_at, total_at, total_minor, currency, refunded_minor,
                            is_cancelled)
        SELECT 'o' || n, {KEY}, now() - n % 400 * INTERVAL '1 day', now(), 100000 + n % 900 * 1000, 'VND', 0, false
        FROM generate_series(CAST(:low AS int), :high) AS n WHERE n % 3 = 1""",
}

RULES: dict[str, dict[str, Any]] = {
    "a trait": {"trait": "city", "eq": "Huế"},
    "a rare trait": {"and": [{"trait": "city", "eq": "Huế"}, {"trait": "age", "gte": 77}]},
    "orders": {"computed": "net_minor", "currency": "VND", "gte": 500_000},
    "events of a week": {"event": "Product Viewed", "count": {"gte": 3}, "within_days": 7},
    "a sequence": {"sequence": ["Cart Viewed", "Product Viewed"], "within_days": 3},
    "all together": {
        "and": [
            {"trait": "city", "in": ["Huế", "Hà Nội"]},
            {"or": [{"computed": "orders", "gte": 1}, {"event": "Product Viewed", "within_days": 30}]},
            {"not": {"computed": "days_since_last_order", "lt": 30}},
        ]
    },
}


def fifty() -> list[dict[str, Any]]:
    """Rules as a firm may have them: traits, events, recency, money, scores, and some of several."""
    cities = ("Huế", "Hà Nội", "Đà Nẵng", "Cần Thơ")
    found: list[dict[str, Any]] = []
    for number in range(SEGMENTS):
        city, name = cities[number % 4], NAMES[number % 3]
        found.append(
            (
                {"trait": "city", "eq": city},
                {"event": name, "count": {"gte": 1 + number % 7}, "within_days": 1 + number % 30},
                {"event": name, "days_since_last": {"lte": 1 + number}},
                {"computed": "net_minor", "currency": "VND", "gte": 100_000 * number},
                {"and": [{"trait": "city", "eq": city}, {"computed": "days_since_last_order", "gte": number}]},
            )[number % 5]
        )
    return found


def facts(dice: Random) -> list[Event[Any]]:
    """A batch: three touchpoints for each order, of customers who are about now."""
    now, found = datetime.now(UTC), []
    for number in range(BATCH):
        key = UUID(int=1 + dice.randrange(ACTIVE))
        at = now - timedelta(seconds=dice.randrange(3_600))
        data: Any = TouchpointRecorded(source="web", call="track", name=dice.choice(NAMES))
        if number % 4 == 0:
            data = OrderPlaced(order_id=str(uuid7()), total_minor=250_000, currency="VND", source="web")
        found.append(Event(uuid7(), key, at, now, data))
    return found


async def previews(service: SegmentsService, postgres: int) -> dict[str, Any]:
    """Milliseconds of a preview of each rule, the backend's CPU of them, and what it says."""
    found: dict[str, Any] = {}
    for name, rule in RULES.items():
        seconds, before = [], cpu_seconds(descendants(postgres))
        for _ in range(PREVIEWS):
            begun = monotonic()
            said = PreviewOut.of(*await service.preview(rule))
            seconds.append(monotonic() - begun)
        found[name] = {
            "p50_ms": round(percentile(seconds, 0.5) * 1e3),
            "worst_ms": round(max(seconds) * 1e3),
            "backend_cpu_ms": round((cpu_seconds(descendants(postgres)) - before) / PREVIEWS * 1e3),
            "count": said.count,
            "margin": said.margin,
            "looked_at": said.looked_at,
        }
        print(name, found[name], file=sys.stderr)
    return found


async def rate(
    db: Database, activity: ActivityService, batches: Sequence[Sequence[Event[Any]]], postgres: int
) -> dict[str, int]:
    """Facts a second, and CPU of each: the backend's does not hang on what else the machine does."""
    begun, ours, backend = monotonic(), process_time(), cpu_seconds(descendants(postgres))
    for batch in batches:
        async with db.write() as tx:
            await activity.record(tx, batch)
    number = sum(map(len, batches))
    return {
        "per_second": round(number / (monotonic() - begun)),
        "our_cpu_us": round((process_time() - ours) / number * 1e6),
        "backend_cpu_us": round((cpu_seconds(descendants(postgres)) - backend) / number * 1e6),
    }


async def _built(db: Database, membership: Membership) -> None:
    """Everybody who is about was asked for all segments; to ask all others too is another matter."""
    for first in range(1, ACTIVE + 1, PIECE):
        async with db.write() as tx:
            keys = {UUID(int=number) for number in range(first, first + PIECE)}
            await membership.refresh(tx, Touched(people=keys), cause="rule")
    async with db.write() as tx:
        await tx.execute("UPDATE segments SET is_built = true")
        # As the server does by itself after a while.
        await tx.execute("ANALYZE memberships, standings")


async def main() -> None:
    """Measure previews, then facts without segments and with fifty."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    figures: dict[str, Any] = {"people": people}
    async with durable_postgres() as (url, postgres):
        db = Database(make_engine(url, schema="profiles", pool_size=4), schema="profiles", outbox=OutboxWriter())
        await upgrade(db.engine, trees_of((profiles,)))
        for name, sql in FILL.items():
            for low in range(1, people + 1, CHUNK):
                async with db.write() as tx:
                    await tx.execute(sql, {"low": low, "high": min(low + CHUNK - 1, people)})
            print(name, file=sys.stderr)
        async with db.engine.connect() as connection:
            await connection.exec_driver_sql("ANALYZE")
            await connection.commit()
        clock, zone, settings = SystemClock(), ZoneInfo("Asia/Ho_Chi_Minh"), ProfilesSettings()
        membership = Membership(clock, zone)
        registry = settings.consent_registry()
        segments = SegmentsService(db, clock, zone, settings.phone_country, membership, registry)
        activity = ActivityService(db, clock, zone, settings.phone_country, membership)
        figures["preview"] = await previews(segments, postgres)
        dice = Random(1)
        await rate(db, activity, [facts(dice)], postgres)
        batches = [facts(dice) for _ in range(BATCHES)]
        figures["facts"] = {"no segments": await rate(db, activity, batches, postgres)}
        for number, rule in enumerate(fifty()):
            await segments.create(SegmentIn(name=f"S {number}", rule=rule), by="bench", idem=None)
        await _built(db, membership)
        # Who is about enters first; after that facts move few, as they do in a firm.
        await rate(db, activity, [facts(dice) for _ in range(BATCHES)], postgres)
        batches = [facts(dice) for _ in range(BATCHES)]
        figures["facts"][f"{SEGMENTS} segments"] = await rate(db, activity, batches, postgres)
        print(figures["facts"], file=sys.stderr)
        await db.dispose()
    store("segments", figures)


if __name__ == "__main__":
    asyncio.run(main())
