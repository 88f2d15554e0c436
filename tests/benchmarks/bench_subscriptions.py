"""What subscriptions cost: taking facts in, reading figures, and counting all history by another policy. A minute.

Facts are handed to the use case that the consumer calls, in batches of one partition. Figures are read of as many
subscribers as were taken in, and once more where every cell that three years of days can have is there, as of any
number of customers: beyond that a figure costs no more.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic, process_time
from typing import Any
from zoneinfo import ZoneInfo

from stand import durable_postgres, percentile, store

from services.metrics.app import service as metrics
from services.metrics.domain.calendar import day_number
from services.metrics.freshness.service import Freshness
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.report import Asked
from services.metrics.subscriptions.service.deciding import Deciding
from services.metrics.subscriptions.service.reading import Subscriptions
from services.metrics.subscriptions.service.taking import Subscribing
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.events.catalogue import touchpoints as facts
from shared.events.envelope import Event, EventData
from shared.ids import derived_id, uuid7
from shared.runtime.trees import trees_of

SUBSCRIBERS, DAYS, BATCH, READS = 10_000, 1_000, 1_000, 9
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime.now(UTC)
TODAY = day_number(NOW.astimezone(ZONE).date())
# Every day on which somebody may have come, and every later one on which they may have left.
FILL = (
    """
    INSERT INTO subscription_moves (day, kind, cause, currency, people, minor)
    SELECT :today - n, kind, '', currency, 9, 900000 FROM generate_series(0, :days) AS n,
           unnest(ARRAY['new', 'reactivation', 'expansion']) AS kind, unnest(ARRAY['', 'EUR', 'USD', 'VND']) AS currency
    UNION ALL
    SELECT :today - n, 'churn', cause, currency, 1, -90000 FROM generate_series(0, :days) AS n,
           unnest(ARRAY['voluntary', 'involuntary', 'unstated']) AS cause,
           unnest(ARRAY['', 'EUR', 'USD', 'VND']) AS currency
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO subscription_spells (started, ended, back, cause, people)
    SELECT :today - a, :today - b, 2147483647, 'voluntary', 1
    FROM generate_series(0, :days) AS a, generate_series(0, a) AS b ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO subscription_terms (period, currency, started, lost_at, people, minor)
    SELECT 'm1', 'USD', :today - a, b, 1, 1000
    FROM generate_series(0, :days) AS a, generate_series(0, a / 30) AS b ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO subscription_cohorts (month, day, currency, people, minor)
    SELECT CAST(date_trunc('month', date '1970-01-01' + :today - a) AS date) - date '1970-01-01', :today - b, currency,
           1, 1000
    FROM generate_series(0, :days, 30) AS a, generate_series(0, a) AS b,
         unnest(ARRAY['', 'EUR', 'USD', 'VND']) AS currency ON CONFLICT DO NOTHING
    """,
)


def a_fact(kind: type[EventData], number: int, at: datetime, **said: Any) -> Event[Any]:
    """Something that happened to a subscriber's only subscription."""
    data = kind(subscription_id=f"s-{number}", source="bench", **said)
    return Event(uuid7(), derived_id("bench", str(number)), at, NOW, data)


def history() -> Iterator[Event[Any]]:
    """Everybody starts, renews twice and changes once; every fourth leaves. In the order of the days, as it comes."""
    dice = Random(1)
    told: list[Event[Any]] = []
    for number in range(SUBSCRIBERS):
        began = NOW - timedelta(days=dice.randint(100, DAYS))
        price = {"price_minor": 100 * dice.randint(5, 90), "interval": "month", "currency": "USD"}
        told.append(a_fact(facts.SubscriptionStarted, number, began, **price))
        told += (a_fact(facts.SubscriptionRenewed, number, began + timedelta(days=each)) for each in (31, 61))
        told.append(a_fact(facts.SubscriptionChanged, number, began + timedelta(days=70), **price))
        if number % 4 == 0:
            told.append(a_fact(facts.SubscriptionCancelled, number, began + timedelta(days=dice.randint(75, 99))))
    return iter(sorted(told, key=lambda event: event.time))


async def take(db: Database, under_test: Subscribing) -> dict[str, float]:
    """Facts a second, and CPU of ours for each."""
    told = list(history())
    begun, spent = monotonic(), process_time()
    for start in range(0, len(told), BATCH):
        async with db.write() as tx:
            await under_test.take(tx, told[start : start + BATCH])
    seconds, cpu = monotonic() - begun, process_time() - spent
    return {"facts": len(told), "per_second": round(len(told) / seconds), "our_cpu_us": round(cpu / len(told) * 1e6)}


async def reads(of: Subscriptions) -> dict[str, dict[str, float]]:
    """Milliseconds of each answer."""
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "monthly": of.monthly,
        "churn": lambda: of.churn(None, None, None),
        "mrr": lambda: of.revenue(None, None),
        "movements": lambda: of.movements("month", None, None, None),
        "cohorts": lambda: of.cohorts(12, None),
        "value": lambda: of.value(Asked(0.1, 60), "USD"),
    }
    found = {}
    for name, ask in asked.items():
        await ask()
        seconds = []
        for _ in range(READS):
            begun = monotonic()
            await ask()
            seconds.append(monotonic() - begun)
        found[name] = {f"p{each}_ms": round(percentile(seconds, each / 100) * 1e3, 1) for each in (50, 99)}
    return found


async def main() -> None:
    """Measure all of it."""
    async with durable_postgres() as (url, _):
        db = Database(make_engine(url, schema="metrics"), schema="metrics")
        await upgrade(db.engine, trees_of((metrics,)))
        bus = PostgresBus(url, sole=True)
        await bus.start()
        subscribing = Subscribing(ZONE)
        figures: dict[str, Any] = {"taken in": await take(db, subscribing)}
        print(figures, file=sys.stderr)
        clock = SystemClock()
        deciding = Deciding(db, clock, subscribing)
        begun = monotonic()
        await deciding.decide(Policy(recognition="at_request"), None)
        figures["another policy"] = {"subscribers": SUBSCRIBERS, "seconds": round(monotonic() - begun, 2)}
        of = Subscriptions(db, clock, ZONE, "USD", Freshness(bus, clock, ()))
        figures[f"read of {SUBSCRIBERS:,} subscribers"] = await reads(of)
        async with db.write() as tx:
            for statement in FILL:
                await tx.execute(statement.replace(":today", str(TODAY)).replace(":days", str(DAYS)))
        async with db.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE")
        figures["read where every cell of 1,000 days is there"] = await reads(of)
        print(figures, file=sys.stderr)
        await bus.stop()
        await db.dispose()
    store("subscriptions", figures)


if __name__ == "__main__":
    asyncio.run(main())
