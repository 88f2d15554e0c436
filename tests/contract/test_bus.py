"""What both bus drivers promise about records: stored, in order, read once each per group, whole."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic

import pytest
from bus_backends import PARTITIONS, TOPICS, Backend, by_key, collect, consuming, quiet, records, started, values

from shared.bus.base import (
    MAX_RECORD_BYTES,
    Bus,
    OutRecord,
    Partition,
    RecordTooLarge,
    UnknownTopic,
    partition_of,
)
from shared.events.topics import Topic


async def test_order_per_key_holds_under_concurrent_appenders(bus: Bus):
    """INVARIANT: an acknowledged record is read once, after all that its caller appended before it under its key.

    Breaks if a group is written by two flushers at once, or if offsets become visible out of order.
    """

    async def shop(name: int) -> None:
        for number in range(0, 60, 3):
            keys = [f"s{name}-{key}" for key in range(3)]
            batch = [
                OutRecord("orders", key.encode(), f"{key}:{sequence}".encode())
                for sequence in range(number, number + 3)
                for key in keys
            ]
            await bus.append(batch)

    async with consuming(bus) as consumer:
        reading = asyncio.create_task(collect(consumer, 8 * 3 * 60, max_records=37))
        await asyncio.gather(*(shop(name) for name in range(8)))
        found = await reading

    assert len(found) == 8 * 3 * 60
    assert all(sequence == list(range(60)) for sequence in by_key(found).values())
    assert len({(record.partition, record.offset) for record in found}) == len(found)


async def test_a_caller_that_does_not_wait_keeps_its_order(bus: Bus):
    """INVARIANT: calls of one process are written in the order they were made, also when nobody awaited in between."""
    await asyncio.gather(*(bus.append(records("orders", 2, 1, start=number)) for number in range(200)))

    async with consuming(bus) as consumer:
        found = await collect(consumer, 400)
    assert by_key(found) == {b"k0": list(range(200)), b"k1": list(range(200))}


async def test_two_processes_append_to_one_log(bus: Bus, backend: Backend):
    """INVARIANT: appends of different processes share the partitions without a gap, and each keeps its order."""
    async with started(backend.make()) as other:

        async def work(appender: Bus, key: bytes) -> None:
            for number in range(100):
                await appender.append([OutRecord("orders", key, b"%s:%d" % (key, number))])

        await asyncio.gather(work(bus, b"a"), work(other, b"b"), work(bus, b"c"), work(other, b"d"))

        async with consuming(other) as consumer:
            found = await collect(consumer, 400)
    assert by_key(found) == {key: list(range(100)) for key in (b"a", b"b", b"c", b"d")}
    for index in range(PARTITIONS):
        offsets = [record.offset for record in found if record.partition.index == index]
        assert offsets == list(range(len(offsets)))


async def test_records_survive_as_they_are(bus: Bus):
    """INVARIANT: keys, values and headers are bytes; every byte comes back, empty ones too."""
    every_byte = bytes(range(256))
    sent = [
        OutRecord("orders", b"", b""),
        OutRecord("orders", every_byte, every_byte * 40, (("plain", b"text"), ("raw", every_byte), ("none", b""))),
        OutRecord("orders", "tâm".encode(), "Đỗ Thị Hồng".encode(), (("tên", "Hồng".encode()), ("tên", b"twice"))),
    ]
    before = datetime.now(UTC) - timedelta(seconds=1)

    await bus.append(sent)

    async with consuming(bus) as consumer:
        found = await collect(consumer, 3)
    assert {(record.key, record.value, record.headers) for record in found} == {tuple(record[1:]) for record in sent}
    for record in found:
        assert record.partition == Partition("orders", partition_of(record.key, PARTITIONS))
        assert before <= record.timestamp <= datetime.now(UTC) + timedelta(seconds=1)


async def test_a_call_may_span_topics_and_be_large(bus: Bus):
    """INVARIANT: one call stores any number of records of any of the topics."""
    many = [
        OutRecord("orders" if number % 2 else "touchpoints", b"k%d" % (number % 7), b"x:%d" % number)
        for number in range(24_000)
    ]

    await bus.append(many)
    await bus.append([])

    for topic, first in (("touchpoints", 0), ("orders", 1)):
        async with consuming(bus, topic, "readers-of-" + topic) as consumer:
            found = await collect(consumer, 12_000, max_records=5_000)
        assert sorted(int(value[2:]) for value in values(found)) == list(range(first, 24_000, 2))
        assert all(sequence == sorted(sequence) for sequence in by_key(found).values())


async def test_poll_gives_at_most_what_was_asked_per_partition(bus: Bus):
    """INVARIANT: `max_records` bounds each partition of a poll; what is left comes next."""
    await bus.append(records("orders", 40, 10))

    async with consuming(bus) as consumer:
        polls = []
        while sum(len(batch) for poll in polls for batch in poll.values()) < 400:
            polls.append(await consumer.poll(max_records=7, max_wait=5))
    sizes = [len(batch) for poll in polls for batch in poll.values()]
    assert max(sizes) <= 7
    assert any(len(poll) > 1 for poll in polls)
    assert all(record.partition == partition for poll in polls for partition, batch in poll.items() for record in batch)


async def test_large_records_are_bounded_in_bytes_and_all_come(bus: Bus):
    """INVARIANT: big records come in several polls, none is left behind."""
    big = b"x" * (MAX_RECORD_BYTES - 100)

    for number in range(3):
        await bus.append([OutRecord("orders", b"k", b"%d" % number + big) for _ in range(4)])

    async with consuming(bus) as consumer:
        found = await collect(consumer, 12, max_records=1_000)
    assert [record.value[:1] for record in found] == [b"0"] * 4 + [b"1"] * 4 + [b"2"] * 4


async def test_a_committed_position_is_where_the_next_member_begins(bus: Bus, backend: Backend):
    """INVARIANT: a group goes on where it committed, in this process or another; another group begins at the start."""
    await bus.append(records("orders", 8, 10))
    async with consuming(bus) as consumer:
        first = await collect(consumer, 80)
        ends: dict[Partition, int] = {}
        for record in first:
            ends[record.partition] = record.offset + 1
        await consumer.commit(ends)
    await bus.append(records("orders", 8, 5, start=10))

    async with started(backend.make()) as other:
        async with consuming(other) as consumer:
            second = await collect(consumer, 40) + await quiet(consumer)
        async with consuming(other, group="others") as consumer:
            everything = await collect(consumer, 120)

    assert sorted(values(second)) == sorted(record.value for record in records("orders", 8, 5, start=10))
    assert len(everything) == 120


async def test_uncommitted_records_come_again(bus: Bus):
    """INVARIANT: nothing is committed but what the consumer commits itself."""
    await bus.append(records("orders", 4, 5))
    async with consuming(bus) as consumer:
        first = await collect(consumer, 20)

    async with consuming(bus) as consumer:
        again = await collect(consumer, 20)

    assert sorted(values(first)) == sorted(values(again))


async def test_offsets_of_on_assigned_win_over_commits(bus: Bus):
    """INVARIANT: reading begins where `on_assigned` says; a partition it leaves out begins at the commit, or at 0."""
    await bus.append(records("orders", 40, 3))
    ends = await bus.end_offsets("orders")
    chosen, committed, fresh = sorted(ends)[:3]
    async with consuming(bus) as consumer:
        await collect(consumer, 1)
        await consumer.commit({chosen: ends[chosen], committed: ends[committed] - 1})

    async def assigned(partitions: Collection[Partition]) -> Mapping[Partition, int]:
        return {chosen: ends[chosen] - 2} if chosen in partitions else {}

    async with consuming(bus, on_assigned=assigned) as consumer:
        found = await collect(consumer, 2 + 1 + ends[fresh]) + await quiet(consumer)

    firsts = {partition: min(r.offset for r in found if r.partition == partition) for partition in (chosen, committed)}
    assert firsts == {chosen: ends[chosen] - 2, committed: ends[committed] - 1}
    assert min(record.offset for record in found if record.partition == fresh) == 0


async def test_an_offset_out_of_range_begins_at_the_start(bus: Bus):
    """INVARIANT: a stored offset beyond the end (a log made anew) reads everything rather than nothing."""
    await bus.append(records("orders", 4, 3))

    async def assigned(partitions: Collection[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, 1_000_000)

    async with consuming(bus, on_assigned=assigned) as consumer:
        found = await collect(consumer, 12)
    assert len(found) == 12


async def test_rewind_reads_again(bus: Bus):
    """INVARIANT: after `rewind` the next poll begins at the given offset, and only for that partition."""
    await bus.append([OutRecord("orders", b"k", b"k:%d" % number) for number in range(50)])
    partition = Partition("orders", partition_of(b"k", PARTITIONS))
    async with consuming(bus) as consumer:
        await collect(consumer, 50, max_records=10)

        await consumer.rewind({partition: 20, Partition("orders", 99): 5})
        again = await collect(consumer, 30, max_records=10)

        assert [record.offset for record in again] == list(range(20, 50))
        assert await consumer.lag() == dict.fromkeys(consumer.assignment(), 0)


async def test_rewind_holds_also_for_a_poll_under_way(bus: Bus, backend: Backend):
    """INVARIANT: once `rewind` has returned, whatever is handed out next begins at its offset.

    Breaks if what a poll fetched for the old position is handed out, or moves the new one on.
    """
    random = Random(7)
    async with started(backend.make()) as other:
        await other.append([OutRecord("orders", b"k", b"k:%d" % number) for number in range(3_000)])
    partition = Partition("orders", partition_of(b"k", PARTITIONS))
    overtaken = 0
    async with consuming(bus) as consumer:
        await collect(consumer, 1)
        for _ in range(60):
            # A rewind leaves nothing fetched, so the next poll is under way for a moment.
            await consumer.rewind({partition: random.randrange(2_000)})
            target = random.randrange(2_000)
            polling = asyncio.create_task(consumer.poll(max_records=50, max_wait=5))
            for _ in range(random.randrange(1, 9)):
                await asyncio.sleep(0)
            was_done = polling.done()
            await consumer.rewind({partition: target})
            found = [record.offset for record in (await polling).get(partition, ())]
            if not was_done and found:
                assert found == list(range(target, target + len(found)))
                target, overtaken = found[-1] + 1, overtaken + 1
            again = await collect(consumer, 20, max_records=20)
            assert [record.offset for record in again] == list(range(target, target + len(again)))
    assert overtaken > 5


async def test_a_paused_partition_rests_while_others_go_on(bus: Bus):
    """INVARIANT: a paused partition gives nothing until it is resumed, then all of it, in order."""
    await bus.append(records("orders", 40, 5))
    async with consuming(bus) as consumer:
        await collect(consumer, 200)
        paused = Partition("orders", 2)
        consumer.pause([paused])

        await bus.append(records("orders", 40, 5, start=5))
        meanwhile = await collect(consumer, 200, seconds=2)
        consumer.resume([paused])
        after = await collect(consumer, 200 - len(meanwhile))

    assert meanwhile
    assert {record.partition for record in meanwhile} == {Partition("orders", index) for index in (0, 1, 3)}
    assert {record.partition for record in after} == {paused}
    assert all(sequence == [5, 6, 7, 8, 9] for sequence in by_key(meanwhile + after).values())


async def test_pause_and_rewind_give_the_same_batch_again(bus: Bus):
    """INVARIANT: a batch that failed comes again, from the offset its consumer goes back to."""
    await bus.append([OutRecord("orders", b"k", b"k:%d" % number) for number in range(30)])
    partition = Partition("orders", partition_of(b"k", PARTITIONS))
    async with consuming(bus) as consumer:
        first = await collect(consumer, 10, max_records=10)
        consumer.pause([partition])
        await consumer.rewind({partition: 0})
        assert await quiet(consumer, seconds=0.3) == []

        consumer.resume([partition])
        again = await collect(consumer, 30, max_records=10)

    assert values(again)[:10] == values(first)
    assert by_key(again) == {b"k": list(range(30))}


async def test_lag_and_end_offsets_count_what_is_there(bus: Bus, backend: Backend):
    """INVARIANT: lag is the end minus our position, also for what another process appended."""
    assert sum((await bus.end_offsets("orders")).values()) == 0
    async with consuming(bus) as consumer:
        await bus.append(records("orders", 10, 10))
        await collect(consumer, 100)
        assert set((await consumer.lag()).values()) == {0}

        consumer.pause(consumer.assignment())
        async with started(backend.make()) as other:
            await other.append(records("orders", 10, 7))

        lag = await consumer.lag()
        assert sum(lag.values()) == 70
        assert set(lag) == consumer.assignment() == {Partition("orders", index) for index in range(PARTITIONS)}
        assert sum((await bus.end_offsets("orders")).values()) == 170


async def test_poll_waits_and_wakes(bus: Bus, backend: Backend):
    """INVARIANT: an idle poll returns empty after `max_wait`; a record that another process appends wakes it soon."""
    async with consuming(bus) as consumer, started(backend.make()) as other:
        await bus.append(records("orders", 1, 1))
        await collect(consumer, 1)
        began = monotonic()
        assert not await consumer.poll(max_records=10, max_wait=0.5)
        assert 0.4 < monotonic() - began < 2

        delays = []
        for number in range(5):
            waiting = asyncio.create_task(consumer.poll(max_records=10, max_wait=10))
            await asyncio.sleep(0.2)
            began = monotonic()
            await other.append(records("orders", 1, 1, start=number))
            assert await waiting
            delays.append(monotonic() - began)

    assert min(delays) < 0.5


async def test_an_unknown_topic_is_refused_and_nothing_of_the_call_is_stored(bus: Bus):
    """INVARIANT: a call with a topic that nobody made stores nothing."""
    with pytest.raises(UnknownTopic, match="ordres"):
        await bus.append([*records("orders", 2, 2), OutRecord("ordres", b"k", b"v")])

    assert sum((await bus.end_offsets("orders")).values()) == 0


@pytest.mark.parametrize("where", ["key", "value", "headers"])
async def test_a_record_too_large_is_refused_and_nothing_of_the_call_is_stored(bus: Bus, where: str):
    """INVARIANT: over the limit a call stores nothing; at the limit it is stored."""
    filler = b"x" * (MAX_RECORD_BYTES - 10)
    fits = OutRecord("orders", b"k" * 5, filler, (("name", b"v"),))
    too_large = {
        "key": fits._replace(key=b"k" * 6),
        "value": fits._replace(value=filler + b"x"),
        "headers": fits._replace(headers=(("name", b"vv"),)),
    }[where]

    with pytest.raises(RecordTooLarge, match=str(MAX_RECORD_BYTES)):
        await bus.append([*records("orders", 2, 2), too_large])
    assert sum((await bus.end_offsets("orders")).values()) == 0

    await bus.append([fits])
    async with consuming(bus) as consumer:
        assert [len(value) for value in values(await collect(consumer, 1))] == [len(filler)]


async def test_topics_are_made_once_and_keep_their_partitions(bus: Bus, backend: Backend):
    """INVARIANT: `ensure_topics` may run often and by many at once; a topic that is there keeps its partitions."""
    await bus.append(records("orders", 4, 1))
    later = [*TOPICS, Topic("later", "Made by several at once.")]
    async with contextlib.AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(started(backend.make())) for _ in range(3)]

        await asyncio.gather(*(each.ensure_topics(later, partitions=7) for each in buses))

        for each in (*buses, bus):
            assert len(await each.end_offsets("orders")) == PARTITIONS
            assert len(await each.end_offsets("later")) == 7
        await bus.append(records("later", 20, 1))
        assert sum((await bus.end_offsets("later")).values()) == 20
    assert sum((await bus.end_offsets("orders")).values()) == 4


async def test_a_consumer_may_wait_for_its_topic(bus: Bus):
    """INVARIANT: a group that forms before its topic is made reads it once it is there."""
    async with consuming(bus, "later") as consumer:
        assert not await consumer.poll(max_records=10, max_wait=0.3)
        await bus.ensure_topics([Topic("later", "Made after its reader.")], partitions=2)
        await bus.append(records("later", 5, 5))
        assert len(await collect(consumer, 25)) == 25


async def test_a_ready_bus_says_nothing(bus: Bus):
    """INVARIANT: `ready` is None on a bus that takes records."""
    assert await bus.ready() is None
