"""What the tests of alarms play with: months of answers, and of customers who come back or do not."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import orjson
from metrics_world import NOW, World, placed
from satisfaction_world import answered, deliver, published

from services.metrics.domain.calendar import day_number, to_date
from shared.events.envelope import Event

TODAY = day_number(NOW.date())


def answers(days: Mapping[int, Sequence[int]], *, name: str = "s", tag: str = "") -> list[Event[Any]]:
    """Answers to the NPS question: scores by how many days ago."""
    return [
        answered(f"{tag}{ago}-{number}", f"{tag}c-{ago}-{number}", NOW - timedelta(days=ago), name, nps=score)
        for ago, scores in days.items()
        for number, score in enumerate(scores)
    ]


def scores(rng: Random, share_good: float, number: int) -> list[int]:
    """So many answers, that share of them promoters', the others half passives', half detractors'."""
    return [10 if rng.random() < share_good else rng.choice((8, 3)) for _ in range(number)]


async def say(world: World, events: Sequence[Event[Any]]) -> None:
    """Hand over answers in batches, as they come."""
    await deliver(world, [published("s")])
    for start in range(0, len(events), 1000):
        await deliver(world, events[start : start + 1000])


async def told(world: World) -> list[tuple[str, Any]]:
    """What was emitted so far, in order: (kind, data)."""
    async with world.db.read() as tx:
        rows = await tx.execute("SELECT value FROM outbox_records WHERE topic = 'metrics'")
        events = [orjson.loads(bytes(row.value)) for row in rows]
    return [(event["type"].split(".")[2], event["data"]) for event in events]


def shop(rng: Random, share_back: float, *, first: int, last: int, a_day: int, tag: str) -> list[Event[Any]]:
    """Orders: every day so many new customers, of whom that share buys again within three weeks."""
    events = []
    for ago in range(first, last, -1):
        for number in range(a_day):
            who = f"{tag}-{ago}-{number}"
            events.append(placed(f"o-{who}", who, NOW - timedelta(days=ago)))
            if rng.random() < share_back:
                later = ago - rng.randint(1, 20)
                if later >= 0:
                    events.append(placed(f"p-{who}", who, NOW - timedelta(days=later)))
    return events


def ago(day: int) -> str:
    """A day number as the API says it."""
    return to_date(TODAY - day).isoformat()
