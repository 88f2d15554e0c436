"""What the PostgreSQL log promises beyond the contract of both drivers: retention, restarts of one process, time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import pytest

import shared.bus
from shared.bus.base import Bus, BusConsumer, BusUnavailable, OutRecord, Partition, Record
from shared.bus.postgres import PostgresBus
from shared.db.engine import make_engine
from shared.db.migrate import Tree, upgrade
from shared.events.topics import Topic

KEPT = Topic("kept", "For ever.")
BRIEF = Topic("brief", "For an hour.", timedelta(hours=1))
TREE = Tree(Path(shared.bus.__file__).parent / "migrations", "bus", "alembic_bus")


@pytest.fixture
async def url(database_url: str) -> str:
    """A database with the schema of the log."""
    engine = make_engine(database_url, schema="bus", pool_size=None)
    await upgrade(engine, [TREE])
    await engine.dispose()
    return database_url


@asynccontextmanager
async def opened(url: str, **options: object) -> AsyncIterator[PostgresBus]:
    bus = PostgresBus(url, **options)
    await bus.start()
    try:
        await bus.ensure_topics([KEPT, BRIEF], partitions=2)
        yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def member(bus: Bus, topic: str = "kept", group: str = "readers") -> AsyncIterator[BusConsumer]:
    consumer = bus.consumer(topics=[topic], group=group)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def collect(consumer: BusConsumer, number: int, *, seconds: float = 10.0) -> list[Record]:
    found: list[Record] = []
    deadline = monotonic() + seconds
    while len(found) < number and monotonic() < deadline:
        for batch in (await consumer.poll(max_records=1_000, max_wait=0.2)).values():
            found.extend(batch)
    return found


async def execute(url: str, statement: str, *arguments: object) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await connection.execute(statement, *arguments)
    finally:
        await connection.close()


def numbered(topic: str, numbers: range) -> list[OutRecord]:
    return [OutRecord(topic, b"k%d" % (number % 10), b"%d" % number) for number in numbers]


async def test_old_records_go_and_everything_else_stays(url: str):
    """INVARIANT: retention deletes what is older, of its topic only; offsets go on, readers go on."""
    async with opened(url) as bus:
        for topic in ("brief", "kept"):
            await bus.append(numbered(topic, range(5_000)))
            await execute(url, f"UPDATE bus.records_{topic} SET ts = ts - interval '2 hours'")
            await bus.append(numbered(topic, range(5_000, 5_050)))
        ends = await bus.end_offsets("brief")

        assert await bus.trim() == 5_000
        assert await bus.trim() == 0

        assert await bus.end_offsets("brief") == ends
        async with member(bus, "brief") as consumer:
            assert sorted(int(record.value) for record in await collect(consumer, 50)) == list(range(5_000, 5_050))
            assert set((await consumer.lag()).values()) == {0}
        async with member(bus, "kept") as consumer:
            assert len(await collect(consumer, 5_050)) == 5_050


async def test_a_partition_trimmed_to_nothing_leaves_no_lag_and_no_spinning(url: str):
    """INVARIANT: a reader whose records are all gone comes to the end, rather than ask for them for ever."""
    async with opened(url) as bus:
        await bus.append(numbered("brief", range(100)))
        await execute(url, "UPDATE bus.records_brief SET ts = ts - interval '2 hours'")
        assert await bus.trim() == 100

        async with member(bus, "brief") as consumer:
            assert await collect(consumer, 1, seconds=1) == []
            assert set((await consumer.lag()).values()) == {0}
            await bus.append(numbered("brief", range(3)))
            assert len(await collect(consumer, 3)) == 3


async def test_trimming_does_not_hold_up_appends(url: str):
    """INVARIANT: appends go on while old records are deleted."""
    async with opened(url) as bus:
        for number in range(4):
            await bus.append(numbered("brief", range(number * 5_000, number * 5_000 + 5_000)))
        await execute(url, "UPDATE bus.records_brief SET ts = ts - interval '2 hours'")

        trimming = asyncio.create_task(bus.trim())
        slowest = 0.0
        while not trimming.done():
            began = monotonic()
            await bus.append(numbered("brief", range(10)))
            slowest = max(slowest, monotonic() - began)
        assert await trimming == 20_000
        assert slowest < 2


async def test_a_changed_retention_holds_from_the_next_start(url: str):
    """INVARIANT: `ensure_topics` brings the retention of a topic that is there up to date."""
    async with opened(url) as bus:
        await bus.append(numbered("kept", range(10)))
        await execute(url, "UPDATE bus.records_kept SET ts = ts - interval '2 hours'")
        assert await bus.trim() == 0

        await bus.ensure_topics([Topic("kept", "No more.", timedelta(hours=1))], partitions=9)

        assert await bus.trim() == 10
        assert len(await bus.end_offsets("kept")) == 2


async def test_alone_it_takes_over_from_a_killed_predecessor_at_once(url: str):
    """INVARIANT: in embedded mode a restart after `kill -9` reads on without waiting for a session to end."""
    async with opened(url) as bus:
        await bus.append(numbered("kept", range(10)))
    await execute(url, "INSERT INTO bus.members (grp, member, topics) VALUES ('readers', $1, '{kept}')", UUID(int=1))
    for index in range(2):
        await execute(url, "INSERT INTO bus.assignments VALUES ('readers', 'kept', $1, $2)", index, UUID(int=1))

    async with opened(url, sole=True) as bus, member(bus) as consumer:
        began = monotonic()
        assert len(await collect(consumer, 10)) == 10
        assert monotonic() - began < 3


async def test_with_others_a_dead_member_is_replaced_only_after_its_session(url: str):
    """INVARIANT: a lease is held until its session ends by the database's clock, then it is free."""
    await execute(url, "INSERT INTO bus.members (grp, member, topics) VALUES ('readers', $1, '{kept}')", UUID(int=1))
    async with opened(url, session_seconds=2.0) as bus:
        for index in range(2):
            await execute(url, "INSERT INTO bus.assignments VALUES ('readers', 'kept', $1, $2)", index, UUID(int=1))
        await execute(url, "UPDATE bus.members SET heartbeat = clock_timestamp()")
        await bus.append(numbered("kept", range(10)))
        async with member(bus) as consumer:
            began = monotonic()
            found = await collect(consumer, 10)
            assert len(found) == 10
            assert 1.0 < monotonic() - began < 8


async def test_after_an_outage_the_first_does_not_expel_the_others(url: str, monkeypatch: pytest.MonkeyPatch):
    """INVARIANT: heartbeats that nobody could send are held against nobody.

    Breaks if whoever comes back first judges the others by what it sees then.
    """
    async with contextlib.AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(opened(url, session_seconds=1.2)) for _ in range(2)]
        one, two = [await stack.enter_async_context(member(bus)) for bus in buses]
        await until_shared(one, two)
        owned = one.assignment(), two.assignment()
        later, beat = asyncio.Event(), two._store.beat

        async def beat_later() -> object:
            await later.wait()
            return await beat()

        monkeypatch.setattr(two._store, "beat", beat_later)
        # The database is away for longer than a session: every heartbeat is old when it is back.
        blocker = await asyncpg.connect(url)
        await blocker.execute("BEGIN; LOCK TABLE bus.members IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(2)
        await blocker.execute("UPDATE bus.members SET heartbeat = heartbeat - interval '1 hour'; COMMIT")
        await blocker.close()
        await asyncio.sleep(0.1)
        later.set()

        for _ in range(20):
            await asyncio.sleep(0.1)
            assert (one.assignment(), two.assignment()) == owned


async def until_shared(one: BusConsumer, two: BusConsumer) -> None:
    async with asyncio.timeout(10):
        while not (len(one.assignment()) == len(two.assignment()) == 1):
            await asyncio.sleep(0.05)


async def test_nothing_is_handed_out_while_the_lease_may_be_somebody_elses(url: str):
    """INVARIANT: a member that could not renew its lease for a session hands out no records, until it could again."""
    async with opened(url, session_seconds=1.0) as bus, opened(url) as other, member(bus) as consumer:
        async with asyncio.timeout(10):
            while len(consumer.assignment()) < 2:
                await asyncio.sleep(0.05)
        blocker = await asyncpg.connect(url)
        await blocker.execute("BEGIN; LOCK TABLE bus.members IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(1.3)
        await other.append(numbered("kept", range(5)))
        assert await collect(consumer, 1, seconds=0.7) == []

        await blocker.execute("ROLLBACK")
        await blocker.close()
        assert len(await collect(consumer, 5)) == 5


async def test_an_append_that_fails_in_the_middle_leaves_no_gap(url: str):
    """INVARIANT: offsets are dense, also after a statement that was cut off before its commit."""
    async with opened(url, append_seconds=1.0) as bus:
        await bus.append(numbered("kept", range(20)))
        blocker = await asyncpg.connect(url)
        await blocker.execute("BEGIN; LOCK TABLE bus.records_kept IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BusUnavailable):
            await bus.append(numbered("kept", range(20, 40)))
        await blocker.execute("ROLLBACK")
        await blocker.close()
        await bus.append(numbered("kept", range(40, 60)))

        async with member(bus) as consumer:
            found = await collect(consumer, 40)
            found += await collect(consumer, 1, seconds=0.5)
        for index in range(2):
            offsets = [record.offset for record in found if record.partition == Partition("kept", index)]
            assert offsets == list(range(len(offsets)))


async def test_two_processes_never_wait_for_each_other_in_a_circle(url: str):
    """INVARIANT: appends over all partitions of several topics, from several processes, never deadlock."""
    async with opened(url) as bus, opened(url) as other:

        async def work(appender: Bus, topics: tuple[str, ...]) -> None:
            for number in range(60):
                mixed = [record for topic in topics for record in numbered(topic, range(number, number + 40))]
                await appender.append(mixed)

        async with asyncio.timeout(60):
            await asyncio.gather(
                work(bus, ("kept", "brief")),
                work(other, ("brief", "kept")),
                work(bus, ("kept",)),
                work(other, ("kept",)),
            )
        assert sum((await bus.end_offsets("kept")).values()) == 4 * 60 * 40


async def test_an_idle_consumer_asks_for_no_records(url: str):
    """INVARIANT: while nothing is appended no record is queried; one small question serves all consumers."""
    async with opened(url) as bus, member(bus) as one, member(bus, group="others") as two:
        await bus.append(numbered("kept", range(10)))
        for consumer in (one, two):
            assert len(await collect(consumer, 10)) == 10
        count = "SELECT sum(idx_scan + seq_scan) FROM pg_stat_user_tables WHERE relname = 'records_kept'"
        connection = await asyncpg.connect(url)
        await asyncio.sleep(1)
        await connection.execute("SELECT pg_stat_force_next_flush()")
        before = await connection.fetchval(count)

        await asyncio.gather(*(collect(consumer, 1, seconds=2) for consumer in (one, two)))

        await asyncio.sleep(1)
        assert await connection.fetchval(count) == before
        await connection.close()
