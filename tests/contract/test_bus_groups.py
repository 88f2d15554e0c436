"""What both bus drivers promise about groups: one reader per partition, a fair share, no handover before its end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Collection, Mapping

import pytest
from bus_backends import PARTITIONS, Backend, Member, collect, consuming, records, started, until

from shared.bus.base import Bus, BusConsumer, Partition

ALL = {Partition("orders", index) for index in range(PARTITIONS)}


class Ledger:
    """Who owns what, as the callbacks tell it; two owners at once are a broken promise."""

    def __init__(self) -> None:
        self.owners: dict[Partition, str] = {}
        self.clashes: list[str] = []
        self.moves = 0

    def callbacks(self, name: str, *, drain_seconds: float = 0.0) -> dict[str, object]:
        async def assigned(partitions: Collection[Partition]) -> Mapping[Partition, int]:
            for partition in partitions:
                if partition in self.owners:
                    self.clashes.append(f"{partition} given to {name} while {self.owners[partition]} has it")
                self.owners[partition] = name
                self.moves += 1
            return {}

        async def revoked(partitions: Collection[Partition]) -> None:
            await asyncio.sleep(drain_seconds)
            for partition in partitions:
                if self.owners.pop(partition, None) != name:
                    self.clashes.append(f"{partition} taken from {name}, who does not have it")

        return {"on_assigned": assigned, "on_revoked": revoked}

    def shares(self) -> list[int]:
        """How many partitions each owner has, the largest first."""
        names = list(self.owners.values())
        return sorted((names.count(name) for name in set(names)), reverse=True)


@contextlib.asynccontextmanager
async def polled(consumer: BusConsumer):
    """Polls in the background, as a runner does."""

    async def poll() -> None:
        while True:
            await consumer.poll(max_records=10, max_wait=0.1)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_members_share_the_partitions_and_each_has_one_reader(bus: Bus, backend: Backend):
    """INVARIANT: at any moment a partition belongs to one member; joining and leaving end in an even share."""
    ledger = Ledger()
    async with contextlib.AsyncExitStack() as stack:
        members: dict[str, contextlib.AsyncExitStack] = {}

        async def join(name: str) -> None:
            own = members[name] = await stack.enter_async_context(contextlib.AsyncExitStack())
            # Each in a bus of its own, as other processes are.
            its_bus = await own.enter_async_context(started(backend.make()))
            consumer = await own.enter_async_context(consuming(its_bus, **ledger.callbacks(name, drain_seconds=0.2)))
            await own.enter_async_context(polled(consumer))

        await join("first")
        await until(lambda: ledger.shares() == [4])
        await join("second")
        await until(lambda: ledger.shares() == [2, 2])
        await join("third")
        await until(lambda: ledger.shares() == [2, 1, 1])
        await members["second"].aclose()
        await until(lambda: ledger.shares() == [2, 2])
        await members["first"].aclose()
        await until(lambda: ledger.shares() == [4])

    assert ledger.clashes == []
    assert ledger.owners == {}


async def test_records_are_read_once_while_members_come_and_go(bus: Bus, backend: Backend):
    """INVARIANT: when every `on_revoked` waits for the batch in hand and its commit, orderly handovers skip nothing
    and repeat nothing."""
    found: list[tuple[str, bytes]] = []
    leaving: set[str] = set()

    async def reader(name: str) -> None:
        idle = asyncio.Event()
        idle.set()

        async def revoked(_: Collection[Partition]) -> None:
            await idle.wait()

        # Sessions so long that no stall of a busy machine ends one: what moves here moves in order.
        async with started(backend.make(session_seconds=15.0)) as its_bus, consuming(its_bus, on_revoked=revoked) as me:
            while name not in leaving:
                batches = await me.poll(max_records=20, max_wait=0.1)
                idle.clear()
                found.extend((name, record.value) for batch in batches.values() for record in batch)
                await me.commit({partition: batch[-1].offset + 1 for partition, batch in batches.items()})
                idle.set()

    written = 0

    async def writer() -> None:
        nonlocal written
        while "writer" not in leaving:
            await bus.append(records("orders", 30, 1, start=written // 30))
            written += 30
            await asyncio.sleep(0.05)

    def reads(name: str) -> Callable[[], bool]:
        before = len(found)
        return lambda: any(reader == name for reader, _ in found[before:])

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        group.create_task(writer())
        for name in "abc":
            group.create_task(reader(name))
            await until(reads(name))
        for name in "abc":
            await until(reads(name))
        leaving.add("b")
        await asyncio.sleep(1)
        leaving.add("a")
        await asyncio.sleep(1)
        leaving.add("writer")
        await until(lambda: len(found) >= written)
        leaving.add("c")

    assert len(found) == written
    assert len({value for _, value in found}) == written


async def test_a_handover_waits_for_the_work_under_way(bus: Bus, backend: Backend):
    """INVARIANT: nobody is given a partition before its owner's `on_revoked` has returned."""
    finishing = asyncio.Event()
    finish = asyncio.Event()

    async def revoked(_: Collection[Partition]) -> None:
        finishing.set()
        await finish.wait()

    async with started(backend.make()) as other, consuming(bus, on_revoked=revoked) as old, polled(old):
        await until(lambda: old.assignment() == ALL)
        async with consuming(other) as new, polled(new):
            await asyncio.wait_for(finishing.wait(), 10)
            await asyncio.sleep(backend.session_seconds * 1.5)
            assert new.assignment() == frozenset()

            finish.set()
            await until(lambda: len(new.assignment()) == 2 and len(old.assignment()) == 2)
            assert new.assignment() | old.assignment() == ALL


async def test_a_failing_on_assigned_is_asked_again(bus: Bus):
    """INVARIANT: when the database is away at the moment of an assignment, reading begins once it answers."""
    asked = 0

    async def assigned(_: Collection[Partition]) -> Mapping[Partition, int]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise OSError("the database is away")
        return {}

    await bus.append(records("orders", 4, 5))
    async with consuming(bus, on_assigned=assigned) as consumer:
        assert len(await collect(consumer, 20)) == 20
    assert asked >= 3


async def test_stopping_gives_the_partitions_to_the_next_at_once(bus: Bus, backend: Backend):
    """INVARIANT: who leaves in order does not make others wait for a session to end."""
    async with started(backend.make(session_seconds=30.0)) as other, consuming(other) as old:
        await until(lambda: old.assignment() == ALL)
        async with consuming(other) as new, polled(new):
            await old.stop()
            await until(lambda: new.assignment() == ALL, seconds=8)


async def test_a_killed_member_is_replaced(bus: Bus, backend: Backend):
    """INVARIANT: after `kill -9` of a member the others take its partitions and go on where it committed."""
    await bus.append(records("orders", 40, 10))
    async with Member(backend) as victim:
        await until(lambda: len(victim.read) == 400)
        async with consuming(bus) as consumer, polled(consumer):
            await until(lambda: len(consumer.assignment()) == 2 and len(victim.owned) == 2)

        victim.signal(signal.SIGKILL)
        await bus.append(records("orders", 40, 10, start=10))

        async with consuming(bus) as consumer:
            found = await collect(consumer, 400, seconds=backend.session_seconds * 4 + 10)
            assert consumer.assignment() == ALL
    assert len(found) == 400
    assert min(int(record.value.rpartition(b":")[2]) for record in found) == 10


async def test_a_frozen_member_loses_its_partitions_and_joins_again(bus: Bus, backend: Backend):
    """INVARIANT: a member frozen for longer than a session is replaced; thawed, it hears of its loss and joins again.

    Breaks if a member trusts what it owned before it was frozen.
    """
    async with Member(backend) as zombie, consuming(bus) as consumer, polled(consumer):
        await until(lambda: len(zombie.owned) == 2 and len(consumer.assignment()) == 2)
        zombie.signal(signal.SIGSTOP)
        try:
            await until(lambda: consumer.assignment() == ALL, seconds=backend.session_seconds * 4 + 10)
        finally:
            zombie.told.clear()
            zombie.signal(signal.SIGCONT)

        await until(lambda: len(consumer.assignment()) == 2 and len(zombie.owned) == 2, seconds=30)
        assert zombie.told[0] == "revoked"
        assert consumer.assignment() | zombie.owned == ALL

        zombie.read.clear()
        consumer.pause(consumer.assignment())
        await bus.append(records("orders", 40, 1))
        await until(lambda: zombie.read)
        assert {index for index, _ in zombie.read} <= {partition.index for partition in zombie.owned}


@pytest.mark.parametrize("number", [2, 4, 6])
async def test_many_may_start_at_once(bus: Bus, backend: Backend, number: int):
    """INVARIANT: a group that starts all at once settles in an even share, also with more members than partitions."""
    async with contextlib.AsyncExitStack() as stack:
        consumers = []
        for _ in range(number):
            its_bus = await stack.enter_async_context(started(backend.make()))
            consumer = await stack.enter_async_context(consuming(its_bus))
            await stack.enter_async_context(polled(consumer))
            consumers.append(consumer)

        even = sorted((PARTITIONS // number + (place < PARTITIONS % number) for place in range(number)), reverse=True)

        def settled() -> bool:
            return sorted((len(each.assignment()) for each in consumers), reverse=True) == even

        await until(settled, seconds=30)
        assert set().union(*(each.assignment() for each in consumers)) == ALL
