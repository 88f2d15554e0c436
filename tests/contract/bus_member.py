"""A member of a consumer group, run as a process by the contract suite: prints what it is given, loses and reads."""

import asyncio
import json
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.bus.base import Bus, BusUnavailable, Partition
from shared.bus.kafka import KafkaBus
from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings
from shared.observability.logging import configure


def tell(what: str, partition: Partition, number: int = 0) -> None:
    """One line for the test."""
    print(json.dumps([what, partition.topic, partition.index, number]), flush=True)


def make(wanted: Mapping[str, str]) -> Bus:
    """The bus that the test described."""
    session = float(wanted["session_seconds"])
    if wanted["driver"] == "postgres":
        return PostgresBus(wanted["url"], session_seconds=session)
    settings = PlatformSettings(kafka_bootstrap_servers=wanted["url"], topic_prefix=wanted["prefix"])
    return KafkaBus(settings, session_seconds=session)


async def assigned(partitions: Collection[Partition]) -> Mapping[Partition, int]:
    """We were given partitions."""
    for partition in partitions:
        tell("assigned", partition)
    return {}


async def revoked(partitions: Collection[Partition]) -> None:
    """We lose partitions."""
    for partition in partitions:
        tell("revoked", partition)


async def main() -> None:
    """Consume, and commit what was told, until SIGTERM."""
    wanted = json.loads(sys.argv[1])
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    bus = make(wanted)
    await bus.start()
    consumer = bus.consumer(topics=[wanted["topic"]], group=wanted["group"], on_assigned=assigned, on_revoked=revoked)
    await consumer.start()
    while not end.is_set():
        try:
            for partition, records in (await consumer.poll(max_records=50, max_wait=0.1)).items():
                for record in records:
                    tell("read", partition, record.offset)
                await consumer.commit({partition: records[-1].offset + 1})
        except BusUnavailable:
            await asyncio.sleep(0.1)
    await consumer.stop()
    await bus.stop()


# Standard output is for the test.
configure(level="WARNING", style="console")
asyncio.run(main())
