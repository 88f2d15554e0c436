"""Whatever members of pools do, in whatever order: what each has is what a plain book of their lots says; a merge and
its unmerge change nothing, and who is erased has left."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loyalty_world import LoyaltyWorld

from services.loyalty.app import service as manifest
from services.loyalty.points.schemas import AdjustmentIn
from services.loyalty.pools.schemas import InviteIn, LeaveIn, PoolIn, ReturnIn, SpendIn
from shared.errors import AppError
from shared.ids import user_key
from shared.rights.contract import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("an", "bình", "cúc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.sampled_from(NAMES), st.integers(1, 50), st.integers(1, 4)),
        st.tuples(st.just("join"), st.sampled_from(NAMES)),
        st.tuples(st.just("leave"), st.sampled_from(NAMES)),
        st.tuples(st.just("spend"), st.sampled_from(NAMES), st.integers(1, 80)),
        st.tuples(st.just("back"), st.integers(0, 5), st.integers(1, 80)),
    ),
    max_size=16,
)


@dataclass
class Lot:
    """Points of somebody that end after so many years."""

    owner: str
    end: int
    left: int
    place: int


@dataclass
class Book:
    """The plain book: lots in the order they came, who is in the pool, and from which lots was spent."""

    lots: list[Lot] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    spent: list[list[tuple[Lot, int]]] = field(default_factory=list)

    def has(self, name: str) -> int:
        return sum(each.left for each in self.lots if each.owner == name)

    def spend(self, name: str, points: int) -> bool:
        """From those who are inside, what ends first first."""
        ours = sorted((each for each in self.lots if each.owner in self.inside), key=lambda lot: (lot.end, lot.place))
        if name not in self.inside or sum(each.left for each in ours) < points:
            return False
        taken: list[tuple[Lot, int]] = []
        for lot in ours:
            part = min(points, lot.left)
            if part:
                lot.left -= part
                points -= part
                taken.append((lot, part))
        self.spent.append(taken)
        return True

    def back(self, which: int, points: int) -> None:
        """What ends last comes back first."""
        taken = self.spent[which]
        for place, (lot, part) in sorted(enumerate(taken), key=lambda each: (-each[1][0].end, -each[1][0].place)):
            some = min(points, part)
            lot.left += some
            points -= some
            taken[place] = (lot, part - some)


@dataclass
class Household:
    """The same on the real thing."""

    world: LoyaltyWorld
    mark: str
    pool: UUID
    spends: list[UUID] = field(default_factory=list)

    def ref(self, name: str) -> str:
        return f"user_id:{name}{self.mark}"

    def key(self, name: str) -> UUID:
        return user_key(f"{name}{self.mark}")

    async def give(self, name: str, points: int, years: int = 1) -> None:
        end = self.world.clock.now() + timedelta(days=365 * years)
        body = AdjustmentIn(points=points, reason="goodwill", expires_at=end)
        await self.world.service.counter.adjust(self.key(name), body, by="test", idem=None)

    async def join(self, name: str) -> None:
        owner = (await self.world.service.pools.get(self.pool)).members[0].member
        asked = InviteIn(by=str(owner), member=self.ref(name))
        made = await self.world.service.pools.invite(self.pool, asked, idem=None)
        await self.world.service.pools.accept(UUID(orjson.loads(made.body)["id"]), idem=None)

    async def leave(self, name: str) -> None:
        await self.world.service.pools.leave(self.pool, LeaveIn(member=self.ref(name)), idem=None)

    async def spend(self, name: str, points: int) -> None:
        body = SpendIn(by=self.ref(name), points=points)
        made = await self.world.service.pools.spend(self.pool, body, actor="test", idem=None)
        self.spends.append(UUID(orjson.loads(made.body)["id"]))

    async def back(self, which: int, points: int) -> None:
        await self.world.service.pools.give_back(self.pool, self.spends[which], ReturnIn(points=points), idem=None)

    async def has(self, name: str) -> int:
        member = await self.world.member(self.key(name))
        async with self.world.db.read() as tx:
            return (await self.world.service.points.balance(tx, member, "points")).available

    async def together(self) -> int:
        return (await self.world.service.pools.get(self.pool)).wallets[0].available

    async def inside(self) -> set[UUID]:
        return {each.member for each in (await self.world.service.pools.get(self.pool)).members}


async def household(world: LoyaltyWorld, mark: str, owner: str = "an") -> Household:
    body = PoolIn(owner=f"user_id:{owner}{mark}")
    made = await world.service.pools.create(body, by="test", idem=None)
    return Household(world, mark, UUID(orjson.loads(made.body)["id"]))


async def faults(world: LoyaltyWorld) -> dict[str, Any]:
    found = await world.service.invariants.check()
    return {each.name: each.examples for each in found if each.violations}


async def test_what_everybody_has_is_what_a_plain_book_says(module_world: LoyaltyWorld):
    loop, marks = asyncio.get_running_loop(), count()

    async def check(steps: list[tuple[Any, ...]]) -> None:
        mark = f"-{next(marks)}"
        # Somebody who never leaves and has nothing, so that there is a pool at every moment.
        home, book, places = await household(module_world, mark, "mẹ"), Book(), count()
        for verb, *said in steps:
            if verb == "give":
                await home.give(*said)
                book.lots.append(Lot(said[0], said[2], said[1], next(places)))
            elif verb == "join" and said[0] not in book.inside:
                await home.join(said[0])
                book.inside.append(said[0])
            elif verb == "leave" and said[0] in book.inside:
                await home.leave(said[0])
                book.inside.remove(said[0])
            elif verb == "spend":
                if book.spend(*said):
                    await home.spend(*said)
                else:
                    with pytest.raises(AppError):
                        await home.spend(*said)
            elif verb == "back" and said[0] < len(book.spent):
                book.back(*said)
                await home.back(*said)
        assert {name: await home.has(name) for name in NAMES} == {name: book.has(name) for name in NAMES}
        assert await home.together() == sum(book.has(name) for name in book.inside)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def run(steps: list[tuple[Any, ...]]) -> None:
        asyncio.run_coroutine_threadsafe(check(steps), loop).result(timeout=120)

    await asyncio.to_thread(run)
    assert await faults(module_world) == {}


async def test_merged_out_of_two_pools_one_is_in_the_first_and_apart_in_both_again(module_world: LoyaltyWorld):
    one, other = await household(module_world, "-m"), await household(module_world, "-m", "mẹ")
    await one.join("bình")
    module_world.clock.forward(minutes=1)
    await other.join("cúc")
    for name, points in (("an", 5), ("bình", 10), ("cúc", 20), ("mẹ", 40)):
        await one.give(name, points)
    before = [await one.together(), await other.together(), await one.inside(), await other.inside()]
    assert before[:2] == [15, 60]

    await module_world.merge(one.key("cúc"), one.key("bình"))

    assert [await one.together(), await other.together()] == [35, 40]
    with pytest.raises(AppError, match="not in the pool"):
        await other.spend("bình", 1)
    await one.spend("cúc", 30)
    await one.back(0, 30)
    await module_world.unmerge(one.key("cúc"), one.key("bình"))
    assert [await one.together(), await other.together(), await one.inside(), await other.inside()] == before
    assert await faults(module_world) == {}


async def test_two_of_one_pool_who_are_merged_are_one_member(module_world: LoyaltyWorld):
    home = await household(module_world, "-t")
    await home.join("bình")
    for name, points in (("an", 5), ("bình", 10)):
        await home.give(name, points)
    await module_world.merge(home.key("bình"), home.key("an"))
    assert (len(await home.inside()), await home.together()) == (1, 15)
    await home.spend("bình", 12)
    await module_world.unmerge(home.key("bình"), home.key("an"))
    assert (len(await home.inside()), await home.together()) == (2, 3)


async def test_what_one_owes_is_taken_off_what_all_have(module_world: LoyaltyWorld):
    from services.loyalty.points.service import Target

    home = await household(module_world, "-d")
    await home.join("bình")
    await home.give("bình", 100)
    now = module_world.clock.now()
    for points in (50, 0):
        async with module_world.db.write() as tx:
            target = Target(home.key("an"), "points", "order", points, now)
            await module_world.service.points.settle(tx, target)
        if points:
            await home.spend("an", 20)
            await home.back(0, 20)
            await home.spend("an", 50)
    assert await home.together() == 50
    with pytest.raises(AppError, match="points"):
        await home.spend("bình", 51)
    await home.spend("bình", 50)
    assert await faults(module_world) == {}


async def test_who_is_erased_has_left_and_the_books_stand(module_world: LoyaltyWorld):
    home = await household(module_world, "-e")
    for name in ("bình", "cúc"):
        await home.join(name)
    for name in NAMES:
        await home.give(name, 10)
    await home.spend("an", 15)
    assert manifest.rights is not None
    subject = Subject(home.key("an"), (home.key("an"),), ())
    async with module_world.db.read() as tx:
        told = {name async for name, _ in manifest.rights.export(module_world.service, tx, subject)}
    assert {"pool_members", "pool_spends", "wallets"} <= told
    async with module_world.db.write() as tx:
        await manifest.rights.erase(module_world.service, tx, subject)

    found = (await module_world.service.pools.get(home.pool)).members
    assert [(each.member, each.role) for each in found] == [(home.key("bình"), "owner"), (home.key("cúc"), "spender")]
    assert await home.together() == sum([await home.has(name) for name in ("bình", "cúc")])
    with pytest.raises(AppError, match="not in the pool"):
        await home.spend("an", 1)
    assert await faults(module_world) == {}
