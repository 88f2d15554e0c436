"""Many at once, on real connections: nothing is spent twice, nothing is lost, and the naive way is shown to fail."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from loyalty_world import LoyaltyWorld

from services.loyalty.invariants.service import Invariants
from services.loyalty.points.errors import HoldEnded, NotEnoughPoints
from services.loyalty.points.repository.checks import CHECKS
from services.loyalty.points.service import Credit, HoldRequest, Points, Posted, Spend, Target
from shared.db.engine import WriteTx
from shared.identity import members
from shared.ids import user_key, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 64


async def at_once(jobs: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Start all behind one barrier; what each gave or raised."""
    barrier = asyncio.Barrier(len(jobs))

    async def one(job: Callable[[], Awaitable[Any]]) -> Any:
        await barrier.wait()
        return await job()

    return await asyncio.gather(*(one(job) for job in jobs), return_exceptions=True)


def writing(world: LoyaltyWorld, use: Callable[[Points, WriteTx], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    async def once() -> Any:
        async with world.db.write() as tx:
            return await use(world.service.points, tx)

    return once


def crediting(world: LoyaltyWorld, person: UUID, points: int, source: str) -> Callable[[], Awaitable[Any]]:
    credit = Credit(person, "points", points, "earned", source, world.clock.now())
    return writing(world, lambda ledger, tx: ledger.credit(tx, credit))


def spending(world: LoyaltyWorld, person: UUID, points: int, key: str) -> Callable[[], Awaitable[Any]]:
    async def use(ledger: Points, tx: WriteTx) -> Any:
        return await ledger.spend(tx, Spend(await members.lock(tx, person), "points", points, key, "reward"))

    return writing(world, use)


async def assert_sound(world: LoyaltyWorld) -> None:
    found = await Invariants(world.db, world.clock, CHECKS).check()
    assert {each.name: each.examples for each in found if each.violations} == {}


async def balance(world: LoyaltyWorld, person: UUID) -> int:
    async with world.db.read() as tx:
        member = await members.find(tx, person)
        return (await world.service.points.balance(tx, member, "points")).available


def count(results: list[Any], kind: type) -> int:
    unexpected = [each for each in results if isinstance(each, Exception) and not isinstance(each, NotEnoughPoints)]
    assert unexpected == []
    return sum(isinstance(each, kind) for each in results)


async def test_a_family_cannot_spend_what_it_has_not(module_world: LoyaltyWorld):
    """Eight keys of one person, sixty-four tills, points for half of them."""
    world, keys = module_world, [user_key(f"family-{number}") for number in range(8)]
    for number, key in enumerate(keys):
        await crediting(world, key, 40, f"family-{number}")()
        if number:
            await world.merge(key, keys[0])
    results = await at_once([spending(world, keys[n % 8], 10, f"family-spend-{n}") for n in range(MANY)])

    assert count(results, NotEnoughPoints) == 32
    assert await balance(world, keys[3]) == 0
    await assert_sound(world)


async def test_the_naive_way_spends_points_twice(module_world: LoyaltyWorld):
    """Read the balance, then write it: the same race, without the lock of the person."""
    world, key = module_world, user_key("naive")
    await crediting(world, key, 320, "naive")()
    wallet_id = await world.value("SELECT id FROM wallets WHERE person_id = :key", key=key)
    read = asyncio.Barrier(8)

    async def naive() -> int:
        async with world.db.write() as tx:
            found = (await tx.execute("SELECT available FROM wallets WHERE id = :id", {"id": wallet_id})).scalar_one()
            await read.wait()
            await tx.execute(
                "UPDATE wallets SET available = :left WHERE id = :id", {"left": found - 40, "id": wallet_id}
            )
            return 40

    spent = sum(await asyncio.gather(*(naive() for _ in range(8))))
    left = await world.value("SELECT available FROM wallets WHERE id = :id", id=wallet_id)
    found = {each.name: each.violations for each in await Invariants(world.db, world.clock, CHECKS).check()}

    assert spent + left > 320
    assert found["wallet_is_its_postings"] == found["wallet_is_its_lots"] == 1
    async with world.db.write() as tx:
        await tx.execute("UPDATE wallets SET available = 320 WHERE id = :id", {"id": wallet_id})


async def test_who_forgets_the_lock_is_refused(module_world: LoyaltyWorld):
    """A person who was read without the lock, and changed meanwhile, is not written over."""
    world, key = module_world, user_key("unlocked")
    await crediting(world, key, 100, "unlocked")()
    member = await world.member(key)
    both_read = asyncio.Barrier(2)

    async def use(ledger: Points, tx: WriteTx, name: str) -> Any:
        await tx.execute("SELECT 1")
        await both_read.wait()
        return await ledger.spend(tx, Spend(member, "points", 60, name, "reward"))

    results = await at_once([writing(world, lambda ledger, tx, name=name: use(ledger, tx, name)) for name in "ab"])

    assert sum(not isinstance(each, Exception) for each in results) == 1
    assert await balance(world, key) == 40
    await assert_sound(world)


async def test_one_source_brings_points_once(module_world: LoyaltyWorld):
    world, people = module_world, [user_key(f"once-{number}") for number in range(4)]
    results = await at_once([crediting(world, people[n % 4], 25, "order-7") for n in range(MANY)])

    assert sum(each is not None for each in results) == 4
    assert [await balance(world, person) for person in people] == [25] * 4
    await assert_sound(world)


async def test_a_spend_with_one_key_happens_once(module_world: LoyaltyWorld):
    world, key = module_world, user_key("same-key")
    await crediting(world, key, 1_000, "same-key")()
    results = await at_once([spending(world, key, 10, "same-spend") for _ in range(50)])

    assert len({each.id for each in results}) == 1
    assert await balance(world, key) == 990
    returns = [
        writing(world, lambda ledger, tx, n=n: ledger.give_back(tx, "same-spend", 4, f"refund-{n % 5}"))
        for n in range(50)
    ]
    back = [each for each in await at_once(returns) if each is not None]
    assert sorted(each.points for each in back) == [2, 4, 4]
    assert await balance(world, key) == 1_000
    await assert_sound(world)


async def test_merging_while_points_are_burned_loses_none(module_world: LoyaltyWorld):
    """Two accounts are merged and taken apart all the while; what is spent and what is left are what came in."""
    world, an, binh = module_world, user_key("an-burns"), user_key("bình-burns")
    for person in (an, binh):
        await crediting(world, person, 300, "burn")()

    async def regroup() -> None:
        for _ in range(6):
            await world.merge(an, binh)
            await asyncio.sleep(0)
            await world.unmerge(an, binh)

    spends = [spending(world, (an, binh)[n % 2], 10, f"burn-{n}") for n in range(MANY)]
    results = await at_once([regroup, *spends])
    spent = 10 * sum(hasattr(each, "points") for each in results)

    count(results, NotEnoughPoints)
    assert spent == 600 - await balance(world, an) - await balance(world, binh)
    assert spent >= 580
    await assert_sound(world)


async def test_orders_refunds_tills_and_time_at_once(module_world: LoyaltyWorld):
    """Earning, taking back, spending, and the job that keeps time, all over the same people."""
    world, people = module_world, [user_key(f"busy-{number}") for number in range(4)]

    def settling(n: int) -> Callable[[], Awaitable[Any]]:
        asked = Target(people[n % 4], "points", f"busy-{n % 8}", (n * 37) % 90, world.clock.now())
        return writing(world, lambda ledger, tx: ledger.settle(tx, asked))

    jobs = [settling(n) if n % 2 else spending(world, people[n % 4], 15, f"busy-{n}") for n in range(MANY)]
    results = await at_once([*jobs, world.service.points_upkeep.run])
    count(results, NotEnoughPoints)

    await assert_sound(world)


async def test_a_hold_is_spent_or_ends_but_never_both(module_world: LoyaltyWorld):
    """The till commits in the moment in which the sweeper comes: by the database's clock one of them is right."""
    world, key = module_world, user_key("holder")
    await crediting(world, key, 400, "holder")()
    ids = [uuid7() for _ in range(20)]
    async with world.db.write() as tx:
        member = await members.lock(tx, key)
        soon = (await tx.execute("SELECT clock_timestamp() + interval '60 milliseconds'")).scalar_one()
        for hold_id in ids:
            await world.service.points.hold(tx, HoldRequest(hold_id, member, "points", 20, soon))

    def capturing(hold_id: UUID) -> Callable[[], Awaitable[Any]]:
        return writing(world, lambda ledger, tx: ledger.capture(tx, hold_id, 20, f"capture:{hold_id}", "reward"))

    async def sweep() -> None:
        while await world.value("SELECT count(*) FROM holds WHERE state = 'open'"):
            await world.service.points_upkeep.end_holds()

    results = await at_once([sweep, *(capturing(hold_id) for hold_id in ids)])
    captured = sum(hasattr(each, "points") for each in results)
    states = await world.rows("SELECT state, count(*) AS number FROM holds GROUP BY state")

    assert [each for each in results[1:] if not isinstance(each, HoldEnded | Posted)] == []
    assert {row.state: row.number for row in states} == {
        state: number for state, number in (("captured", captured), ("expired", 20 - captured)) if number
    }
    assert await balance(world, key) == 400 - 20 * captured
    await assert_sound(world)
