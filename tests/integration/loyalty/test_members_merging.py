"""A merge and an unmerge move nothing, whatever happens to the points of others meanwhile."""

from typing import Any
from uuid import UUID

from loyalty_world import LoyaltyWorld

from services.loyalty.points.service import Balance, Credit, Spend, Target
from shared.identity import members
from shared.identity.person import Member
from shared.ids import anonymous_key, user_key

AN, BINH, CHI = user_key("an"), user_key("bình"), anonymous_key("chi")


async def earn(world: LoyaltyWorld, person: UUID, points: int, source: str, **more: Any) -> None:
    async with world.db.write() as tx:
        credit = Credit(person, "points", points, "earned", source, world.clock.now(), **more)
        await world.service.points.credit(tx, credit)


async def spend(world: LoyaltyWorld, person: UUID, points: int, key: str) -> None:
    async with world.db.write() as tx:
        member = await members.lock(tx, person)
        await world.service.points.spend(tx, Spend(member, "points", points, key, "reward"))


async def balance(world: LoyaltyWorld, person: UUID) -> Balance:
    async with world.db.read() as tx:
        return await world.service.points.balance(tx, await members.find(tx, person), "points")


async def everything(world: LoyaltyWorld) -> list[Any]:
    tables = ("wallets", "lots", "transactions", "allocations", "sources", "members")
    return [await world.rows(f"SELECT * FROM {table} AS t ORDER BY CAST(t AS text)") for table in tables]


async def test_a_person_has_what_their_keys_have_together_and_each_gets_its_own_back(world: LoyaltyWorld):
    await earn(world, AN, 100, "o-1")
    await earn(world, BINH, 50, "o-2")
    before, alone = await everything(world), [await balance(world, person) for person in (AN, BINH)]

    await world.merge(AN, BINH)
    assert (await balance(world, AN)) == (await balance(world, BINH)) == Balance(150, 0, 0, 0, [])
    await world.unmerge(AN, BINH)

    assert await everything(world) == before
    assert [await balance(world, person) for person in (AN, BINH)] == alone


async def test_what_was_spent_together_stays_with_the_keys_it_came_from(world: LoyaltyWorld):
    soon = world.clock.now().replace(year=2027)
    await earn(world, AN, 100, "o-1")
    await earn(world, BINH, 50, "o-2", expires_at=soon)
    await world.merge(AN, BINH)
    await spend(world, AN, 70, "s-1")
    await world.unmerge(AN, BINH)

    # The points that end first were Bình's.
    assert [(await balance(world, person)).available for person in (AN, BINH)] == [80, 0]
    async with world.db.write() as tx:
        back = await world.service.points.give_back(tx, "s-1", 70, "r-1")
    assert back is not None
    assert back.points == 70
    assert [(await balance(world, person)).available for person in (AN, BINH)] == [100, 50]


async def test_debt_of_one_key_is_paid_by_nobody_but_lowers_what_the_person_can_spend(world: LoyaltyWorld):
    await earn(world, AN, 100, "o-1")
    await spend(world, AN, 100, "s-1")
    async with world.db.write() as tx:
        await world.service.points.settle(tx, Target(AN, "points", "o-1", 0, world.clock.now()))
    await earn(world, BINH, 130, "o-2")
    assert (await balance(world, AN)).debt == 100

    await world.merge(AN, BINH)
    assert (await balance(world, BINH))[:4] == (30, 0, 0, 0)
    await world.unmerge(AN, BINH)

    assert (await balance(world, AN))[:4] == (0, 0, 0, 100)
    assert (await balance(world, BINH))[:4] == (130, 0, 0, 0)


async def test_chains_of_merges_are_one_person_however_they_are_named(world: LoyaltyWorld):
    await world.merge(CHI, AN)
    await world.merge(AN, BINH)
    async with world.db.write() as tx:
        locked = await members.lock_many(tx, (CHI, AN, BINH, user_key("dung")))

    family = Member(BINH, tuple(sorted((AN, BINH, CHI))))
    assert [locked[each] for each in (CHI, AN, BINH)] == [family] * 3
    assert locked[user_key("dung")] == Member(user_key("dung"), (user_key("dung"),))
    assert await world.value("SELECT count(*) FROM members") == 4
    assert await world.member(CHI) == family
