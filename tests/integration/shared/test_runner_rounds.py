"""While a round is handled the next is read: nothing is lost, doubled or out of order when the first one fails."""

import asyncio
from collections.abc import Mapping

import pytest
from delivery_world import GROUP, World, an_order
from sqlalchemy import text

from shared.bus.base import Partition
from shared.delivery import runner as runner_module
from shared.delivery.inbox import advance
from shared.delivery.runner import Runner
from shared.errors import Retry
from shared.events.topics import ORDERS

ZERO = Partition(ORDERS.name, 0)
ORDERED = [str(number) for number in range(60)]


@pytest.fixture(autouse=True)
def always_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten are treated as large ones: they are not waited for before the next are read."""
    monkeypatch.setattr(runner_module, "PACE_RECORDS", 0)
    monkeypatch.setattr(runner_module, "TOGETHER_RECORDS", 0)


class Readings:
    """Counts how often a batch was read while the one before it was still being handled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0
        take = Runner._take

        async def counted(runner: Runner, batches: Mapping[Partition, object]) -> None:
            self.ahead += sum(runner._partitions[each].is_busy for each in batches)
            await take(runner, batches)  # type: ignore[arg-type]

        monkeypatch.setattr(Runner, "_take", counted)


def failing_twice(world: World, order: str) -> None:
    left = [Retry("not yet"), Retry("not yet")]

    def fail(order_id: str) -> None:
        if order_id == order and left:
            raise left.pop()

    world.fail = fail


async def test_what_was_read_behind_a_batch_that_failed_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch):
    """INVARIANT: batches of a partition take effect in their order, whatever was read ahead of a failure."""
    readings = Readings(monkeypatch)
    failing_twice(world, "25")
    await world.publish(*map(an_order, ORDERED))

    async with world.running(max_batch=10):
        await world.caught_up()

    assert await world.effects() == ORDERED
    assert readings.ahead > 0


async def test_without_forgetting_it_events_would_be_passed_over(world: World, monkeypatch: pytest.MonkeyPatch):
    """The naive runner, which handles what it has read: the batch that failed is lost."""
    monkeypatch.setattr(Runner, "_is_current", lambda *_: True)
    failing_twice(world, "25")
    await world.publish(*map(an_order, ORDERED))

    async with world.running(max_batch=10):
        await world.caught_up()

    assert await world.effects() != ORDERED


async def test_what_was_read_behind_a_batch_with_a_bad_event_goes_on(world: World, monkeypatch: pytest.MonkeyPatch):
    def fail(order_id: str) -> None:
        if order_id == "25":
            raise ValueError

    readings = Readings(monkeypatch)
    world.fail = fail
    await world.publish(*map(an_order, ORDERED))

    async with world.running(max_batch=10):
        await world.caught_up()

    assert await world.effects() == [each for each in ORDERED if each != "25"]
    assert await world.buried() == [25]
    assert readings.ahead > 0


async def test_who_is_fenced_forgets_what_was_read_ahead(world: World, monkeypatch: pytest.MonkeyPatch):
    """Another worker takes over in the middle of ours: it has done the first thirty when we come to our second ten."""
    readings = Readings(monkeypatch)
    taken_over = False

    class TakenOver(Exception):
        pass

    def fail(order_id: str) -> None:
        nonlocal taken_over
        if order_id == "10" and not taken_over:
            taken_over = True
            raise TakenOver

    real = runner_module.Batches.deliver

    async def deliver(self: object, *arguments: object) -> object:
        try:
            return await real(self, *arguments)  # type: ignore[arg-type]
        except TakenOver:
            async with world.db.write() as tx:
                await advance(tx, GROUP, ZERO, expected=10, next_offset=30)
                await tx.execute(text("INSERT INTO effects (what) SELECT n::text FROM generate_series(10, 29) n"))
            return await real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runner_module.Batches, "deliver", deliver)
    world.fail = fail
    await world.publish(*map(an_order, ORDERED))

    async with world.running(max_batch=10):
        await world.caught_up()

    assert await world.effects() == ORDERED
    assert taken_over
    assert readings.ahead > 0


async def test_who_is_drained_leaves_what_was_read_ahead_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch):
    first, at_work = world.runner(max_batch=10), asyncio.Event()
    monkeypatch.setattr(world, "fail", lambda order_id: at_work.set())
    await world.publish(*map(an_order, ORDERED))
    task = asyncio.create_task(first.run())
    await at_work.wait()
    first.drain()
    async with asyncio.timeout(10):
        await task
    done = len(await world.effects())
    assert 10 <= done < len(ORDERED)

    async with world.running(max_batch=10):
        await world.caught_up()

    assert await world.effects() == ORDERED


async def test_the_bus_is_told_by_whoever_leaves(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "TELL_SECONDS", 3600)
    await world.publish(*map(an_order, ORDERED))

    async with world.running(max_batch=10) as runner:
        await world.caught_up()
        consumer = runner._consumer
        assert (await consumer._store.committed()).get(ZERO, 0) < len(ORDERED)

    assert await consumer._store.committed() == {ZERO: len(ORDERED)}
