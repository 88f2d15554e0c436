"""What one member may spend of a household's points in a day, week or month: nobody exceeds it, however they try."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
from earning_world import emptied, key
from loyalty_world import LoyaltyWorld

from services.loyalty.points.schemas import AdjustmentIn
from services.loyalty.pools import repository as rows
from services.loyalty.pools.domain import Limit
from services.loyalty.pools.errors import NotInPool, PoolLimit, RoleNeeded
from services.loyalty.pools.schemas import InviteIn, LeaveIn, MemberLimitIn, PoolHoldIn, PoolIn, ReturnIn, SpendIn
from services.loyalty.pools.service.purses import Purses
from shared.errors import AppError

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A Friday, ten in the morning in Việt Nam; the month ends on Saturday, the week on Sunday.
FRIDAY = datetime(2026, 10, 30, 3, 0, tzinfo=UTC)


@dataclass
class Home:
    """An owns it; Bình and Cúc are in it. An has 1,000 points."""

    world: LoyaltyWorld
    id: UUID

    async def joins(self, name: str) -> None:
        pools = self.world.service.pools
        made = await pools.invite(self.id, InviteIn(by="user_id:An", member=f"user_id:{name}"), idem=None)
        await pools.accept(UUID(orjson.loads(made.body)["id"]), idem=None)

    async def limit(self, name: str, points: int | None, per: Any = "month", *, by: str = "An") -> None:
        body = MemberLimitIn(by=f"user_id:{by}", member=f"user_id:{name}", points=points, per=per)
        await self.world.service.pools.set_limit(self.id, body, idem=None)

    async def spend(self, name: str, points: int) -> UUID:
        body = SpendIn(by=f"user_id:{name}", points=points)
        return await self._made(self.world.service.pools.spend(self.id, body, actor="test", idem=None))

    async def hold(self, name: str, points: int) -> UUID:
        body = PoolHoldIn(by=f"user_id:{name}", points=points)
        return await self._made(self.world.service.pools.hold(self.id, body, actor="test", idem=None))

    async def back(self, spend: UUID, points: int) -> None:
        await self.world.service.pools.give_back(self.id, spend, ReturnIn(points=points), idem=None)

    async def _made(self, asked: Any) -> UUID:
        return UUID(orjson.loads((await asked).body)["id"])

    async def refused(self, name: str, points: int) -> dict[str, Any]:
        with pytest.raises(PoolLimit) as error:
            await self.spend(name, points)
        return error.value.data


@pytest_asyncio.fixture(loop_scope="module")
async def home(module_world: LoyaltyWorld) -> Home:
    await emptied(module_world)
    module_world.clock.time = FRIDAY
    made = await module_world.service.pools.create(PoolIn(owner="user_id:An"), by="test", idem=None)
    body = AdjustmentIn(points=1_000, reason="goodwill")
    await module_world.service.counter.adjust(key("An"), body, by="test", idem=None)
    home = Home(module_world, UUID(orjson.loads(made.body)["id"]))
    for name in ("Bình", "Cúc"):
        await home.joins(name)
    return home


@pytest.mark.parametrize(
    ("per", "days", "again"),
    [
        # By local days from Friday, the 30th, on: when the member may spend again.
        ("day", [0, 1], 1),
        ("week", [0, 1, 2, 3], 3),
        ("month", [0, 1, 2], 2),
    ],
)
async def test_a_limit_is_for_a_local_period(
    home: Home, per: Literal["day", "week", "month"], days: list[int], again: int
):
    await home.limit("Bình", 50, per)
    await home.spend("Bình", 40)

    assert await home.refused("Bình", 11) == {"limit": 50, "per": per, "left": 10}
    for day in days:
        # The last minute before and the first after midnight in Việt Nam.
        home.world.clock.time = FRIDAY.replace(hour=17, minute=0) if day else FRIDAY.replace(hour=16, minute=59)
        home.world.clock.forward(days=max(0, day - 1))
        if day < again:
            assert (await home.refused("Bình", 11))["left"] == 10
        else:
            await home.spend("Bình", 50)


async def test_what_is_held_counts_and_what_comes_back_does_not(home: Home):
    await home.limit("Bình", 50, "week")
    spent, held = await home.spend("Bình", 20), await home.hold("Bình", 30)
    assert (await home.refused("Bình", 1))["left"] == 0

    await home.back(spent, 15)
    assert (await home.refused("Bình", 16))["left"] == 15
    await home.world.service.counter.void(held, idem=None)

    await home.spend("Bình", 45)
    assert (await home.refused("Bình", 1))["left"] == 0


async def test_the_tightest_limit_holds_and_is_each_member_s_own(home: Home):
    await home.limit("Bình", 100, "month")
    pool = await home.world.service.pools.get(home.id)
    async with home.world.db.write() as tx:
        found = await rows.lock(tx, home.id)
        assert found is not None
        await rows.change(tx, found._replace(daily_limit=60))

    assert await home.refused("Bình", 61) == {"limit": 60, "per": "day", "left": 60}
    await home.spend("Bình", 60)
    home.world.clock.forward(days=1)
    assert await home.refused("Bình", 41) == {"limit": 100, "per": "month", "left": 40}
    # Cúc has but that of the pool; without one of their own Bình has too.
    await home.spend("Cúc", 60)
    await home.limit("Bình", None)
    await home.spend("Bình", 60)
    assert {each.member: each.spend_limit for each in pool.members}[key("Bình")] == 100


async def test_of_many_who_spend_at_once_none_exceeds_it(home: Home):
    await home.limit("Bình", 100, "month")

    async def attempt(name: str) -> int:
        try:
            await home.spend(name, 9)
        except PoolLimit:
            return 0
        return 9

    spent = await asyncio.gather(*(attempt("Bình") for _ in range(16)), *(attempt("Cúc") for _ in range(4)))

    assert (sum(spent[:16]), sum(spent[16:])) == (99, 36)
    assert (await home.refused("Bình", 2))["left"] == 1


async def test_asked_before_the_pool_is_locked_they_would_exceed_it(home: Home, monkeypatch: pytest.MonkeyPatch):
    await home.limit("Bình", 100, "month")
    allow = Purses.allow

    async def later(*_: Any) -> None:
        """Asked already."""

    async def naive() -> int:
        async with home.world.db.read() as tx:
            purses = home.world.service.pools.purses
            await allow(purses, tx, await purses.look(tx, home.id, key("Bình")), "points", 9)
        await home.spend("Bình", 9)
        return 9

    monkeypatch.setattr(Purses, "allow", later)

    assert sum(await asyncio.gather(*(naive() for _ in range(16)))) > 100


async def test_merged_they_spend_under_the_limit_of_who_came_first_and_apart_under_their_own(home: Home):
    world = home.world
    await home.limit("Bình", 50, "month")
    await home.limit("Cúc", 30, "month")
    await home.spend("Bình", 20)
    await home.spend("Cúc", 15)
    await world.merge(key("Cúc"), key("Bình"))

    assert await home.refused("Cúc", 16) == {"limit": 50, "per": "month", "left": 15}
    await home.spend("Cúc", 15)
    await world.unmerge(key("Cúc"), key("Bình"))

    # Each has spent what was spent under their own key.
    assert await home.refused("Bình", 31) == {"limit": 50, "per": "month", "left": 30}
    assert await home.refused("Cúc", 1) == {"limit": 30, "per": "month", "left": 0}


async def test_who_leaves_or_is_erased_takes_the_limit_along(home: Home):
    world = home.world
    await home.limit("Bình", 50, "month")
    await home.spend("Bình", 50)
    await world.service.pools.leave(home.id, LeaveIn(member="user_id:Bình"), idem=None)
    with pytest.raises(NotInPool):
        await home.limit("Bình", 10)
    await home.joins("Bình")
    await home.spend("Bình", 60)

    await home.limit("Cúc", 10, "week")
    async with world.db.write() as tx:
        await world.service.pools.forget(tx, [key("Cúc")])
    pool = await world.service.pools.get(home.id)
    assert {each.member for each in pool.members} == {key("An"), key("Bình")}
    assert [each.spend_limit for each in pool.members] == [None, None]
    found = await world.service.invariants.check()
    assert {each.name: each.examples for each in found if each.violations} == {}


async def test_the_owner_alone_says_who_may_what(home: Home):
    with pytest.raises(RoleNeeded):
        await home.limit("Bình", 1_000, by="Bình")
    with pytest.raises(AppError) as nobody:
        await home.limit("Dũng", 10)

    assert nobody.value.code == "loyalty.pool_not_member"


async def test_weeks_begin_on_monday_and_months_with_their_first_day():
    day = FRIDAY.date()

    assert [Limit(1, per).since(day).isoformat() for per in ("day", "week", "month")] == [
        "2026-10-30", "2026-10-26", "2026-10-01",
    ]  # fmt: skip
