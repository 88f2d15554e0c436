"""`kill -9` of the whole process under load: nothing acknowledged is lost, nothing counts twice, order is kept."""

import asyncio
import random
import signal

import pytest
from installation import Installation, repeats

from shared.events.topics import INGEST, ORDERS
from shared.testing.faults import POINTS, REACHED

pytestmark = pytest.mark.long

KILLS = 7
MIN_ACKNOWLEDGED = 300


async def test_killed_at_random(firm: Installation, seed: int):
    chance = random.Random(seed)
    process = firm.process()
    await process.start()
    recoveries: list[float] = []
    async with firm.load(process).running() as load:
        for _ in range(KILLS):
            await load.acknowledged(5)
            await asyncio.sleep(chance.random())
            process.kill()
            began = firm.history.at()
            await process.start()
            await load.acknowledged(1)
            recoveries.append(firm.history.at() - began)
        await load.acknowledged(50)
    drain = await firm.settled()

    verdict = await firm.judged(process)

    print(f"{KILLS} kills, {firm.story()},")
    print(f"accepting again after {max(recoveries):.1f} s at most, drained {drain:.1f} s after the load")
    assert verdict.problems() == []
    assert verdict.acknowledged >= MIN_ACKNOWLEDGED
    # Otherwise no kill hit anything.
    assert firm.history.outcomes["200"] < sum(firm.history.outcomes.values())
    assert await repeats(firm, INGEST.name) > 0


# In the order of an event's way; the last are later batches, when more is under way.
WAY = (
    "edge.before_append:9",
    "edge.after_append:9",
    "consumer.after_poll@touchpoints.recorder:2",
    "handler.statement@touchpoints.recorder:2",
    "handler.done@touchpoints.recorder:3",
    "consumer.before_commit@touchpoints.recorder:2",
    "relay.before_append@orders:2",
    "relay.after_append@orders:2",
    "handler.statement@metrics.orders:9",
    "handler.done@tally.orders:2",
    "consumer.before_commit@tally.orders:3",
    "relay.after_append@orders:3",
)
# On Kafka a killed consumer's partitions are free only after six seconds: those where the bus makes a difference.
KAFKA_WAY = (
    "edge.after_append:9",
    "handler.done@touchpoints.recorder:1",
    "relay.after_append@orders:1",
    "consumer.before_commit@tally.orders:2",
)


async def test_killed_at_each_point_of_the_way(firm: Installation, kafka: str | None):
    way = WAY if kafka is None else KAFKA_WAY
    process = firm.process()
    left_in_outbox = 0
    process.launch(environ={"TAM_TEST_FAULT": way[0]})
    async with firm.load(process).running() as load:
        for point, following in zip(way, (*way[1:], ""), strict=True):
            assert await process.ended() == -signal.SIGKILL, point
            if point.startswith("relay."):
                (row,) = await firm.rows("touchpoints", "SELECT coalesce(sum(records), 0) FROM outbox")
                left_in_outbox += row[0]
            process.launch(environ={"TAM_TEST_FAULT": following})
        await process.ready()
        await load.acknowledged(50)
    drain = await firm.settled()

    verdict = await firm.judged(process)

    log = process.log.read_text()
    redelivered = await repeats(firm, ORDERS.name)
    print(f"{len(way)} kills, {firm.story()}, drained in {drain:.1f} s,")
    print(f"{left_in_outbox} events in the outbox at a kill, {redelivered} published again")
    assert verdict.problems() == []
    reached = {point for point in POINTS if f"{REACHED}{point} " in log}
    assert reached == {point.partition("@")[0].partition(":")[0] for point in way}
    assert left_in_outbox > 0
    assert redelivered > 0
