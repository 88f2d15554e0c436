"""How many facts a second one worker of metrics takes in from a backlog, by group and all together. Two minutes.

The log is filled first; then each group of consumers runs alone, as a worker runs it, until it has read everything:
decoding, offsets, transactions and sums included. At last all groups run at once, as they do in a worker, on a mix as a
shop tells it. The naive baseline is the same consumer, one transaction a fact; its CPU is to be compared, for after so
small a batch a consumer rests.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from time import monotonic, process_time
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import make_url
from stand import cpu_seconds, descendants, durable_postgres, store

from services.metrics.app import service as metrics
from shared.bus.base import OutRecord
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.runner import Runner
from shared.delivery.subscription import Subscription
from shared.events import envelope
from shared.events.catalogue import touchpoints as facts
from shared.events.catalogue.surveys import AnsweredScore, SurveyAnswered
from shared.events.envelope import Event, EventData
from shared.events.topics import TOPICS
from shared.ids import derived_id, uuid7
from shared.rights.marks import Seal
from shared.runtime import garbage
from shared.runtime.service import Parts
from shared.runtime.trees import trees_of

PEOPLE, FACTS, NAIVE = 20_000, 60_000, 100
PARTITIONS, DAYS, LONG = 6, 30, 400
NOW = datetime.now(UTC)
SURVEYS = [derived_id("bench", str(number)) for number in range(4)]
# Which consumers hear the facts of each kind, of those that do something with them.
GROUPS = {
    "orders": ("metrics.orders", "metrics.promises"),
    "touchpoints": ("metrics.promises",),
    "answers": ("metrics.satisfaction", "metrics.voices"),
    "subscriptions": ("metrics.voices",),
}


def person(number: int) -> UUID:
    """The key of one of the customers."""
    return derived_id("bench-person", str(number))


def said(key: UUID, at: datetime, data: EventData) -> Event[Any]:
    """An event learnt as it happened."""
    return Event(uuid7(), key, at, at, data)


def orders(dice: Random, count: int) -> Iterator[Event[Any]]:
    """Orders as they come: of twenty one is refunded in part, and one cancelled."""
    for number in range(count):
        at = NOW - timedelta(days=DAYS * (1 - number / count), seconds=dice.randrange(3_600))
        key, name = person(dice.randrange(PEOPLE)), f"o-{number}-{dice.randrange(1 << 30)}"
        placed = {"total_minor": dice.randrange(50, 2_000) * 1_000, "currency": "VND", "source": "web", "items": 2}
        if number % 20 == 18 and number > 100:
            refund = {"refund_id": f"r-{number}", "amount_minor": 1_000, "currency": "VND", "source": "web"}
            yield said(key, at, facts.OrderRefunded(order_id=name, **refund))
        elif number % 20 == 19:
            yield said(key, at, facts.OrderCancelled(order_id=name, source="web"))
        else:
            yield said(key, at, facts.OrderPlaced(order_id=name, **placed))


def touchpoints(dice: Random, count: int) -> Iterator[Event[Any]]:
    """Steps of customers; of ten one belongs to an order, of twenty one promises."""
    for number in range(count):
        at = NOW - timedelta(days=30 * (1 - number / count))
        properties: dict[str, Any] = {"product_id": f"p-{dice.randrange(500)}", "price": 199.5, "category": "áo dài"}
        name = "Product Viewed"
        if number % 10 == 0:
            name = "Order Delivered" if number % 20 == 0 else "Order Shipped"
            properties = {"order_id": f"o-{number // 20}", "promised_at": "2026-11-30"}
        yield said(
            person(dice.randrange(PEOPLE)),
            at,
            facts.TouchpointRecorded(source="web", call="track", name=name, properties=properties),
        )


def answers(dice: Random, count: int) -> Iterator[Event[Any]]:
    """NPS, of four surveys on one touchpoint out of ten."""
    for number in range(count):
        at = NOW - timedelta(days=DAYS * (1 - number / count))
        data = SurveyAnswered(
            response_id=uuid7(),
            revision=1,
            survey_id=SURVEYS[dice.randrange(4)],
            version=1,
            state="complete",
            scores=(AnsweredScore("nps", dice.randrange(11)),),
            channel="email",
            locale="vi",
            touchpoint=f"t-{dice.randrange(10)}",
            stage=f"s-{dice.randrange(5)}",
            staff_id=f"p-{dice.randrange(50)}",
        )
        yield said(person(dice.randrange(PEOPLE)), at, data)


def subscriptions(dice: Random, count: int) -> Iterator[Event[Any]]:
    """Everybody starts, renews twice and changes once; every fourth leaves. In the order of the days, as it comes."""
    told: list[Event[Any]] = []
    for number in range(round(count / 4.25)):
        key, began = person(number), NOW - timedelta(days=dice.randint(100, LONG), seconds=dice.randrange(80_000))
        of = {"subscription_id": f"s-{number}", "source": "web"}
        price = {"price_minor": 100 * dice.randint(5, 90), "interval": "month", "currency": "USD"}
        told.append(said(key, began, facts.SubscriptionStarted(**of, **price)))
        told += [said(key, began + timedelta(days=each), facts.SubscriptionRenewed(**of)) for each in (31, 61)]
        told.append(said(key, began + timedelta(days=70), facts.SubscriptionChanged(**of, **price)))
        if number % 4 == 0:
            at = began + timedelta(days=dice.randint(75, 99))
            told.append(said(key, at, facts.SubscriptionCancelled(**of)))
    return iter(sorted(told, key=lambda event: event.time))


# Of what a shop tells most are steps of customers, and few answer.
MIX = {"touchpoints": 0.6, "orders": 0.25, "answers": 0.1, "subscriptions": 0.05}
KINDS = {"orders": orders, "touchpoints": touchpoints, "answers": answers, "subscriptions": subscriptions}


async def fill(bus: PostgresBus, events: Sequence[Event[Any]]) -> None:
    """Put facts into the log."""
    for start in range(0, len(events), 2_000):
        await bus.append(
            [
                OutRecord(each.data.topic.name, str(each.subject).encode(), envelope.encode(each))
                for each in events[start : start + 2_000]
            ]
        )


async def consumed(
    bus: PostgresBus, db: Database, value: Any, to: Subscription, topics: Collection[str], most: int
) -> float:
    """Let a group read topics to their end; the seconds from its first batch on."""
    ends = [offset for topic in topics for offset in (await bus.end_offsets(topic)).values()]
    runner = Runner(
        group=to.group,
        events=tuple(each for each in to.events if each.topic.name in topics),
        handler=partial(to.handler, value),
        db=db,
        bus=bus,
        clock=SystemClock(),
        max_batch=most,
        is_idempotent=to.is_idempotent,
    )
    began, task = monotonic(), asyncio.create_task(runner.run())
    while True:
        await asyncio.sleep(0.02)
        async with db.read() as tx:
            found = await tx.execute(
                "SELECT coalesce(sum(next_offset), 0) FROM offsets WHERE consumer = :group AND topic = ANY(:topics)",
                {"group": to.group, "topics": list(topics)},
            )
            if found.scalar_one() >= sum(ends):
                break
        if task.done():
            task.result()
    seconds = monotonic() - began
    runner.drain()
    await task
    return seconds


async def measured(postgres: int, url: str, kind: str, group: str, count: int, most: int | None) -> dict[str, float]:
    """Facts a second of one group, and CPU of each. Each time in a new database."""
    async with platform_of(url, f"{kind}_{group.partition('.')[2]}_{most or 0}") as (bus, db, value):
        events = list(KINDS[kind](Random(1), count))
        await fill(bus, events)
        garbage.tune()
        to = next(each for each in metrics.subscriptions if each.group == group)
        ours, backend = process_time(), cpu_seconds(descendants(postgres))
        seconds = await consumed(bus, db, value, to, {events[0].data.topic.name}, most or to.max_batch)
        backend, ours = cpu_seconds(descendants(postgres)) - backend, process_time() - ours
        return each_fact(len(events), seconds, ours, backend)


def each_fact(facts: int, seconds: float, ours: float, backend: float) -> dict[str, float]:
    """Facts a second, and CPU for each."""
    return {
        "facts": facts,
        "per_second": round(facts / seconds),
        "our_cpu_us": round(ours / facts * 1e6, 1),
        "postgres_cpu_us": round(backend / facts * 1e6, 1),
    }


async def mixed(postgres: int, url: str, count: int) -> dict[str, float]:
    """What a shop tells, of all kinds, heard by all groups of one worker at once, as a worker runs them."""
    async with platform_of(url, "mixed") as (bus, db, value):
        topics: defaultdict[str, set[str]] = defaultdict(set)
        told = 0
        for kind, share in MIX.items():
            events = list(KINDS[kind](Random(1), round(count * share)))
            await fill(bus, events)
            told += len(events)
            for group in GROUPS[kind]:
                topics[group].add(events[0].data.topic.name)
        garbage.tune()
        hearers = [each for each in metrics.subscriptions if each.group in topics]
        ours, backend = process_time(), cpu_seconds(descendants(postgres))
        seconds = await asyncio.gather(
            *(consumed(bus, db, value, each, topics[each.group], each.max_batch) for each in hearers)
        )
        backend, ours = cpu_seconds(descendants(postgres)) - backend, process_time() - ours
        return each_fact(told, max(seconds), ours, backend)


@asynccontextmanager
async def platform_of(maintenance: str, name: str) -> AsyncIterator[tuple[PostgresBus, Database, Any]]:
    """A database of its own with the tables of metrics, and the log in it."""
    url = make_url(maintenance).set(database=name).render_as_string(hide_password=False)
    connection = await asyncpg.connect(maintenance)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    db = Database(make_engine(url, schema="metrics"), schema="metrics")
    await upgrade(db.engine, trees_of((metrics,)))
    bus = PostgresBus(url, sole=True)
    await bus.start()
    await bus.ensure_topics(TOPICS, partitions=PARTITIONS)
    settings = PlatformSettings(currency="VND")
    value = metrics.build(Parts(db, bus, SystemClock(), settings, None, Seal(bytes(32))))
    await value.begin()
    try:
        yield bus, db, value
    finally:
        await bus.stop()
        await db.dispose()


async def main(kinds: Sequence[str]) -> None:
    """Measure each kind."""
    figures: dict[str, Any] = {"people": PEOPLE, "partitions": PARTITIONS}
    async with durable_postgres() as (url, postgres):
        for kind in kinds or KINDS:
            for group in GROUPS[kind]:
                found = await measured(postgres, url, kind, group, FACTS, None)
                naive = await measured(postgres, url, kind, group, NAIVE, 1)
                ratio = (naive["our_cpu_us"] + naive["postgres_cpu_us"]) / (
                    found["our_cpu_us"] + found["postgres_cpu_us"]
                )
                figures[f"{kind} by {group}"] = {
                    **found,
                    "one transaction a fact": naive,
                    "times less CPU": round(ratio, 1),
                }
                print(kind, group, figures[f"{kind} by {group}"], file=sys.stderr)
        if not kinds:
            figures["a shop's mix by all groups"] = {"shares": MIX, **await mixed(postgres, url, 2 * FACTS)}
            print("mix", figures["a shop's mix by all groups"], file=sys.stderr)
    store("consuming", figures)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
