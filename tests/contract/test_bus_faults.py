"""What both bus drivers promise when the backend is stopped, frozen or full: no false success, no hang, no loss."""

import asyncio
import contextlib
from collections import Counter
from time import monotonic

import pytest
from bus_backends import TOPICS, Backend, collect, consuming, quiet, records, started, until, values

from shared.bus.base import Bus, BusUnavailable, OutRecord

# aiokafka drops a connection that it opens at the moment of a deadline; the garbage collector closes it, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

# Of `frail_bus`, plus what a busy machine takes.
APPEND_SECONDS = 3.0 + 2.0
STOP_SECONDS = 20.0


async def append_until_stored(bus: Bus, batch: list[OutRecord], *, seconds: float = 60.0) -> int:
    """Send the same records until the bus takes them, as every caller of ours does; the failures on the way."""
    failures = 0
    async with asyncio.timeout(seconds):
        while True:
            try:
                await bus.append(batch)
            except BusUnavailable:
                failures += 1
                await asyncio.sleep(0.1)
            else:
                return failures


async def test_append_says_so_while_the_backend_is_down_and_works_again_after(frail: Backend, frail_bus: Bus):
    """INVARIANT: an append that cannot be stored raises BusUnavailable within its deadline; later ones go through."""
    await frail_bus.append(records("orders", 3, 2))

    await frail.down()
    try:
        for number in range(2):
            began = monotonic()
            with pytest.raises(BusUnavailable):
                await frail_bus.append(records("orders", 3, 1, start=100 + number))
            assert monotonic() - began < APPEND_SECONDS
        said = await frail_bus.ready()
        assert said is not None
        assert "does not answer" in said
    finally:
        await frail.up()

    assert await append_until_stored(frail_bus, records("orders", 3, 1, start=200)) < 20
    assert await frail_bus.ready() is None
    async with consuming(frail_bus) as consumer:
        found = Counter(values(await collect(consumer, 9) + await quiet(consumer)))
    acknowledged = [record.value for record in (*records("orders", 3, 2), *records("orders", 3, 1, start=200))]
    assert all(found[value] >= 1 for value in acknowledged)
    assert all(found[record.value] == 1 for record in records("orders", 3, 2))


async def test_a_frozen_backend_leaves_the_outcome_unknown_and_nothing_is_lost(frail: Backend, frail_bus: Bus):
    """INVARIANT: an append to a backend that froze raises within its deadline; whoever sends again loses nothing.

    Breaks if a timeout is taken for "not stored" or for "stored".
    """
    await frail_bus.append(records("orders", 3, 1))

    frail.freeze()
    try:
        began = monotonic()
        with pytest.raises(BusUnavailable):
            await frail_bus.append(records("orders", 3, 1, start=1))
        assert monotonic() - began < APPEND_SECONDS
        said = await frail_bus.ready()
        assert said is not None
    finally:
        frail.thaw()
    await append_until_stored(frail_bus, records("orders", 3, 1, start=1))
    await append_until_stored(frail_bus, records("orders", 3, 1, start=2))

    async with consuming(frail_bus) as consumer:
        found = await collect(consumer, 9) + await quiet(consumer)
    firsts = list(dict.fromkeys(value for value in values(found) if value.startswith(b"k1:")))
    assert firsts == [b"k1:0", b"k1:1", b"k1:2"]
    assert set(values(found)) == {record.value for record in records("orders", 3, 3)}


async def test_nothing_acknowledged_is_lost_and_readers_go_on_by_themselves(frail: Backend, frail_bus: Bus):
    """INVARIANT: through stops and freezes, acknowledged ⊆ read, per key in order, and readers need no help.

    Also shows that the fault happened: appends failed on the way.
    """
    acknowledged: list[bytes] = []
    failures = 0
    ended = False

    async def shop(name: int) -> None:
        nonlocal failures
        number = 0
        while not ended:
            batch = [OutRecord("orders", b"s%d" % name, b"s%d:%d" % (name, number + step)) for step in range(5)]
            failures += await append_until_stored(frail_bus, batch)
            acknowledged.extend(record.value for record in batch)
            number += 5
            await asyncio.sleep(0.01)

    found: list[bytes] = []

    async def reader() -> None:
        async with consuming(frail_bus) as consumer:
            while not (ended and set(acknowledged) <= set(found)):
                try:
                    found.extend(values(await collect(consumer, 1, seconds=0.3)))
                except BusUnavailable:
                    await asyncio.sleep(0.1)

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        group.create_task(reader())
        shops = [group.create_task(shop(name)) for name in range(4)]
        for _ in range(2):
            before = len(acknowledged)
            await until(lambda before=before: len(acknowledged) > before + 100, seconds=30)
            await frail.down()
            await asyncio.sleep(1)
            await frail.up()
            before = len(acknowledged)
            await until(lambda before=before: len(acknowledged) > before + 100, seconds=30)
            frail.freeze()
            await asyncio.sleep(3.5)
            frail.thaw()
        ended = True
        await asyncio.wait(shops)

    assert failures >= 4
    for name in range(4):
        prefix = b"s%d:" % name
        firsts = [int(value[len(prefix) :]) for value in dict.fromkeys(found) if value.startswith(prefix)]
        assert firsts == sorted(firsts)
        assert firsts == list(range(len(firsts)))


async def test_stopping_never_hangs_while_the_backend_is_down(frail: Backend):
    """INVARIANT: consumer and bus stop within a deadline with a dead backend, and with appends under way."""
    bus = frail.make(append_seconds=3.0)
    await bus.start()
    await bus.ensure_topics(TOPICS, partitions=4)
    consumer = bus.consumer(topics=["orders"], group="readers")
    await consumer.start()
    await bus.append(records("orders", 3, 1))
    await collect(consumer, 3)

    await frail.down()
    try:
        appending = asyncio.create_task(bus.append(records("orders", 3, 1)))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()
            await bus.stop()
        with pytest.raises(BusUnavailable):
            await appending
    finally:
        await frail.up()


async def test_stopping_never_hangs_while_the_backend_is_frozen(frail: Backend):
    """INVARIANT: the same with a backend that holds its connections and answers nothing."""
    bus = frail.make(append_seconds=3.0)
    await bus.start()
    await bus.ensure_topics(TOPICS, partitions=4)
    consumer = bus.consumer(topics=["orders"], group="readers")
    await consumer.start()
    await bus.append(records("orders", 3, 1))
    await collect(consumer, 3)

    frail.freeze()
    try:
        appending = asyncio.create_task(bus.append(records("orders", 3, 1)))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()
            await bus.stop()
        with pytest.raises(BusUnavailable):
            await appending
    finally:
        frail.thaw()


async def test_too_much_waiting_is_refused_at_once(frail: Backend):
    """INVARIANT: memory is bounded: when enough waits to be written, the next append raises at once."""
    async with started(frail.make(append_seconds=3.0, max_waiting_bytes=100_000)) as bus:
        await bus.ensure_topics(TOPICS, partitions=4)
        await bus.append(records("orders", 3, 1))
        frail.freeze()
        try:
            waiting = [asyncio.create_task(bus.append([OutRecord("orders", b"k", b"x" * 30_000)])) for _ in range(3)]
            await asyncio.sleep(0.1)
            began = monotonic()
            with pytest.raises(BusUnavailable, match="wait"):
                await bus.append([OutRecord("orders", b"k", b"x" * 30_000)])
            assert monotonic() - began < 0.5
            for task in waiting:
                with pytest.raises(BusUnavailable):
                    await task
        finally:
            frail.thaw()
        # What was given up no longer counts.
        await append_until_stored(bus, [OutRecord("orders", b"k", b"x" * 90_000)])


async def test_start_says_so_when_nobody_answers(frail: Backend):
    """INVARIANT: a bus that cannot reach its backend does not start, and says why."""
    await frail.down()
    try:
        bus = frail.make()
        async with asyncio.timeout(STOP_SECONDS):
            with pytest.raises(BusUnavailable):
                await bus.start()
            await bus.stop()
    finally:
        await frail.up()


async def test_a_consumer_that_starts_while_the_backend_is_down_joins_later(frail: Backend, frail_bus: Bus):
    """INVARIANT: a consumer started during an outage reads once the backend is there."""
    await frail_bus.append(records("orders", 3, 2))
    await frail.down()
    try:
        consumer = frail_bus.consumer(topics=["orders"], group="readers")
        await consumer.start()
        with contextlib.suppress(BusUnavailable):
            assert not await consumer.poll(max_records=10, max_wait=0.3)
    finally:
        await frail.up()
    found: list[bytes] = []
    async with asyncio.timeout(40):
        while len(found) < 6:
            with contextlib.suppress(BusUnavailable):
                found.extend(values(await collect(consumer, 6, seconds=1)))
    await consumer.stop()
    assert sorted(found) == sorted(record.value for record in records("orders", 3, 2))
