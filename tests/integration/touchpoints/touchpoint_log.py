"""Reads the log as a consumer does."""

from collections.abc import Sequence

from shared.bus.base import Bus
from shared.events.catalogue.touchpoints import PUBLISHES
from shared.events.envelope import Catalogue, Event, EventData
from shared.events.topics import Topic
from shared.ids import uuid7

CATALOGUE = Catalogue(PUBLISHES)


async def on_the_log(bus: Bus, topic: Topic) -> list[Event[EventData]]:
    """All events of a topic, partition by partition."""
    ends = await bus.end_offsets(topic.name)
    found: list[Event[EventData]] = []
    consumer = bus.consumer(topics=(topic.name,), group=f"test-{uuid7()}")
    await consumer.start()
    try:
        while len(found) < sum(ends.values()):
            for records in (await consumer.poll(max_records=1_000, max_wait=1)).values():
                events = [CATALOGUE.decode(record.value) for record in records]
                found += [event for event in events if event is not None]
    finally:
        await consumer.stop()
    return found


def of_kind(events: Sequence[Event[EventData]], kind: type[EventData]) -> list[Event[EventData]]:
    """Those events whose facts are of one class."""
    return [event for event in events if isinstance(event.data, kind)]
