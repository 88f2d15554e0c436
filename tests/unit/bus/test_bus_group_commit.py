"""Group commit: what waits together is written together, in order, within limits."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.bus.base import BusUnavailable, OutRecord
from shared.bus.group_commit import MAX_GROUP_RECORDS, GroupCommit, Waiting, write_all


class Disk:
    """Takes writes one at a time, each when the test says so."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.go = asyncio.Semaphore(0)
        self.fails: Exception | None = None

    async def write(self, calls: Sequence[Sequence[OutRecord]]) -> None:
        await self.go.acquire()
        if self.fails is not None:
            raise self.fails
        self.groups.append([record.value for records in calls for record in records])


def one(value: bytes) -> list[OutRecord]:
    return [OutRecord("orders", b"k", value)]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting(1_000)


@pytest.fixture
def queue(disk: Disk, waiting: Waiting) -> GroupCommit:
    return GroupCommit("orders", disk.write, waiting, patience_seconds=0.05)


async def test_calls_that_wait_share_the_next_write(disk: Disk, queue: GroupCommit):
    """INVARIANT: while a write is under way, all calls that come in share one, in order."""
    first = queue.enqueue(one(b"0"), 1)
    await asyncio.sleep(0)
    rest = [queue.enqueue(one(b"%d" % number), 1) for number in range(1, 6)]
    for _ in range(2):
        disk.go.release()
    await asyncio.gather(first, *rest)

    assert disk.groups == [[b"0"], [b"1", b"2", b"3", b"4", b"5"]]


async def test_a_group_is_bounded(disk: Disk, queue: GroupCommit):
    """INVARIANT: a group has an end, however much waits."""
    waits = [queue.enqueue(one(b"x") * 1_000, 0) for _ in range(12)]
    for _ in range(3):
        disk.go.release()
    await asyncio.gather(*waits)

    assert [len(group) for group in disk.groups] == [MAX_GROUP_RECORDS, MAX_GROUP_RECORDS, 2_000]


async def test_whoever_gave_up_is_not_written(disk: Disk, queue: GroupCommit, waiting: Waiting):
    """INVARIANT: a call that was given up before its write began is not stored, and no longer counts."""
    first = queue.enqueue(one(b"0"), 400)
    await asyncio.sleep(0)
    queue.enqueue(one(b"1"), 400).cancel()
    last = queue.enqueue(one(b"2"), 100)
    for _ in range(2):
        disk.go.release()
    await asyncio.gather(first, last)

    assert disk.groups == [[b"0"], [b"2"]]
    assert waiting.bytes == 0


async def test_a_failed_write_fails_all_who_share_it_and_no_other(disk: Disk, queue: GroupCommit, waiting: Waiting):
    """INVARIANT: everybody in a group hears of its failure; the next group goes on."""
    disk.fails = BusUnavailable("gone")
    pair = [queue.enqueue(one(b"0"), 1), queue.enqueue(one(b"1"), 1)]
    disk.go.release()
    for wait in pair:
        with pytest.raises(BusUnavailable, match="gone"):
            await wait

    disk.fails = None
    disk.go.release()
    await queue.enqueue(one(b"2"), 1)
    assert disk.groups == [[b"2"]]
    assert waiting.bytes == 0


async def test_an_unforeseen_error_reaches_the_caller(disk: Disk, queue: GroupCommit):
    """INVARIANT: no error is swallowed, and none ends the queue."""
    disk.fails = TypeError("a bug")
    disk.go.release()
    with pytest.raises(TypeError, match="a bug"):
        await queue.enqueue(one(b"0"), 1)

    disk.fails = None
    disk.go.release()
    await queue.enqueue(one(b"1"), 1)


async def test_too_much_waiting_is_refused_but_one_large_call_goes(disk: Disk, queue: GroupCommit):
    """INVARIANT: memory is bounded, and no call is too large for an empty queue."""
    large = queue.enqueue(one(b"large"), 5_000)
    with pytest.raises(BusUnavailable, match="5000 bytes wait"):
        queue.enqueue(one(b"more"), 1)
    disk.go.release()
    await large
    disk.go.release()
    await queue.enqueue(one(b"now"), 900)


async def test_a_stop_writes_what_waits_and_gives_up_at_its_deadline(disk: Disk, queue: GroupCommit):
    """INVARIANT: stopping never hangs, and whoever still waited is told that the outcome is unknown."""
    written = queue.enqueue(one(b"0"), 1)
    disk.go.release()
    await queue.stop(1)
    await written

    stuck = [queue.enqueue(one(b"1"), 1)]
    await asyncio.sleep(0)
    stuck.append(queue.enqueue(one(b"2"), 1))
    await queue.stop(0.05)
    for wait in stuck:
        with pytest.raises(BusUnavailable):
            await wait


async def test_who_has_waited_too_long_behind_a_failed_write_fails_with_it(disk: Disk, queue: GroupCommit):
    """INVARIANT: a call takes at most its patience and one write; who came lately gets a write of its own."""
    disk.fails = BusUnavailable("gone")
    first = queue.enqueue(one(b"0"), 1)
    await asyncio.sleep(0)
    old = queue.enqueue(one(b"1"), 1)
    await asyncio.sleep(0.06)
    late = queue.enqueue(one(b"2"), 1)
    disk.go.release()
    for wait in (first, old):
        with pytest.raises(BusUnavailable, match="gone"):
            await wait

    disk.fails = None
    disk.go.release()
    await late
    assert disk.groups == [[b"2"]]


async def test_write_all_waits_for_every_part(disk: Disk, waiting: Waiting):
    """INVARIANT: a call over several queues is durable in all of them when it returns, or raises."""
    slow, quick = Disk(), disk
    queues = [GroupCommit(str(each), each.write, waiting, patience_seconds=1) for each in (slow, quick)]
    quick.go.release()
    call = asyncio.create_task(write_all([(queue, one(b"x"), 1) for queue in queues]))
    await asyncio.sleep(0.01)
    assert quick.groups == [[b"x"]]
    assert not call.done()
    slow.go.release()
    await call
    assert slow.groups == [[b"x"]]

    slow.fails = BusUnavailable("gone")
    slow.go.release()
    quick.go.release()
    with pytest.raises(BusUnavailable, match="gone"):
        await write_all([(queue, one(b"y"), 1) for queue in queues])
    assert waiting.bytes == 0


async def test_a_cancelled_caller_leaves_no_trace(disk: Disk, queue: GroupCommit, waiting: Waiting):
    """INVARIANT: what a caller no longer wants, and was not sent, is never sent."""
    first = queue.enqueue(one(b"0"), 1)
    await asyncio.sleep(0)
    call = asyncio.create_task(write_all([(queue, one(b"1"), 1)]))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    disk.go.release()
    await first
    await asyncio.sleep(0)
    assert disk.groups == [[b"0"]]
    assert waiting.bytes == 0
