"""Inbox, offsets, leases: the three locks behind "exactly once"."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.bus.base import Partition
from shared.db.engine import Database
from shared.delivery.inbox import Fenced, advance, forget_old, stored_offsets, take_new
from shared.delivery.leases import drop_lease, take_lease

ZERO, ONE = Partition("orders", 0), Partition("orders", 1)


async def moved(db: Database, expected: int, next_offset: int, *, partition: Partition = ZERO) -> None:
    async with db.write() as tx:
        await advance(tx, "metrics.orders", partition, expected=expected, next_offset=next_offset)


async def offset(db: Database) -> int:
    async with db.read() as tx:
        return (await stored_offsets(tx, "metrics.orders", [ZERO]))[ZERO]


async def test_offsets_begin_at_zero_and_go_on(db: Database):
    assert await offset(db) == 0
    await moved(db, 0, 10)
    await moved(db, 10, 25)
    assert await offset(db) == 25


async def test_partitions_and_consumers_are_apart(db: Database):
    await moved(db, 0, 10)
    await moved(db, 0, 7, partition=ONE)

    async with db.read() as tx:
        assert await stored_offsets(tx, "metrics.orders", [ZERO, ONE]) == {ZERO: 10, ONE: 7}
        assert await stored_offsets(tx, "loyalty.orders", [ZERO, ONE]) == {ZERO: 0, ONE: 0}


@pytest.mark.parametrize("expected", [0, 5, 11, 10_000])
async def test_who_thinks_to_be_elsewhere_is_fenced(db: Database, expected: int):
    await moved(db, 0, 10)

    with pytest.raises(Fenced):
        await moved(db, expected, 20)

    assert await offset(db) == 10


async def test_who_goes_on_after_the_offset_was_removed_is_fenced(db: Database):
    """Removing the row means: begin anew. A worker that was further on must not put it back."""
    await moved(db, 0, 10)
    async with db.write() as tx:
        await tx.execute("DELETE FROM offsets")

    with pytest.raises(Fenced):
        await moved(db, 10, 20)

    await moved(db, 0, 10)


@pytest.mark.parametrize("start", [0, 10])
async def test_of_two_workers_at_the_same_place_one_commits(db: Database, start: int):
    """INVARIANT: a zombie and its successor never both commit an effect of the same records.

    Breaks if the offset is stored without comparing, or compared outside of the effect's transaction.
    """
    if start:
        await moved(db, 0, start)

    async def work(name: str) -> str:
        async with db.write() as tx:
            await advance(tx, "metrics.orders", ZERO, expected=start, next_offset=start + 5)
            await tx.execute("INSERT INTO effects (what) VALUES (:name)", {"name": name})
            await asyncio.sleep(0.05)
        return name

    results = await asyncio.gather(*(work(name) for name in ("zombie", "successor")), return_exceptions=True)

    done = [result for result in results if isinstance(result, str)]
    assert len(done) == 1
    assert isinstance(next(result for result in results if not isinstance(result, str)), Fenced)
    async with db.read() as tx:
        assert (await tx.execute("SELECT what FROM effects")).scalars().all() == done


async def test_an_id_is_new_once_for_each_consumer(db: Database):
    known, new = uuid4(), uuid4()
    async with db.write() as tx:
        assert await take_new(tx, "metrics.orders", [known]) == {known}
    async with db.write() as tx:
        assert await take_new(tx, "metrics.orders", [new, known, new]) == {new}
        assert await take_new(tx, "loyalty.orders", [known]) == {known}


async def test_what_rolls_back_is_new_again(db: Database):
    event_id = uuid4()
    with pytest.raises(ZeroDivisionError):
        async with db.write() as tx:
            await take_new(tx, "metrics.orders", [event_id])
            raise ZeroDivisionError

    async with db.write() as tx:
        assert await take_new(tx, "metrics.orders", [event_id]) == {event_id}


async def test_two_batches_with_the_same_ids_in_any_order_do_not_deadlock(db: Database):
    ids = [uuid4() for _ in range(300)]

    async def take(those: list) -> int:
        async with db.write() as tx:
            return len(await take_new(tx, "metrics.orders", those))

    async with asyncio.timeout(20):
        counts = await asyncio.gather(take(ids), take(ids[::-1]), take(ids[150:] + ids[:150]))

    assert sum(counts) == len(ids)


async def test_old_ids_are_forgotten_a_little_at_a_time(db: Database):
    old, young = [uuid4() for _ in range(5)], uuid4()
    async with db.write() as tx:
        await take_new(tx, "metrics.orders", old)
        await tx.execute("UPDATE inbox SET received_at = now() - interval '9 days 1 minute'")
        await take_new(tx, "metrics.orders", [young])

    async def forget() -> int:
        async with db.write() as tx:
            return await forget_old(tx, older_than=timedelta(days=9), most=3)

    assert [await forget(), await forget(), await forget()] == [3, 2, 0]
    async with db.write() as tx:
        assert await take_new(tx, "metrics.orders", [young, old[0]]) == {old[0]}


async def leased(db: Database, owner: object, *, seconds: float = 60) -> bool:
    async with db.write() as tx:
        return await take_lease(tx, "relay", owner, seconds=seconds)


async def test_a_lease_is_one_owners_until_it_gives_it_back(db: Database):
    first, second = uuid4(), uuid4()

    assert await leased(db, first)
    assert await leased(db, first)
    assert not await leased(db, second)

    async with db.write() as tx:
        await drop_lease(tx, "relay", second)
    assert not await leased(db, second)

    async with db.write() as tx:
        await drop_lease(tx, "relay", first)
    assert await leased(db, second)


async def test_a_lease_runs_out(db: Database):
    first, second = uuid4(), uuid4()
    await leased(db, first, seconds=0.1)
    await asyncio.sleep(0.15)

    assert await leased(db, second)
    assert not await leased(db, first)


async def test_of_many_who_want_a_lease_one_gets_it(db: Database):
    got = await asyncio.gather(*(leased(db, uuid4()) for _ in range(6)))

    assert sum(got) == 1
