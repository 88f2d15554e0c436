"""The programme in versions, and what its terms make of points: with the clock of a test, in Vietnam's days."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from loyalty_world import HandClock, LoyaltyWorld

from services.loyalty.app import service as manifest
from services.loyalty.points.errors import SpendingLimit
from services.loyalty.points.service import WAITING, Balance, Credit, HoldRequest, Spend, Target
from services.loyalty.programs.schemas import ProgramIn
from shared.events.catalogue.loyalty import PointsEarned, PointsExpiring, PointsSpent
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.testing.platform import running_platform

LAN, BINH = user_key("lan"), user_key("bình")
PROGRAM = "/v1/loyalty/program"
# The last second of 22 November in Vietnam.
LAST = datetime(2026, 11, 22, 16, 59, 59, tzinfo=UTC)


async def in_force(world: LoyaltyWorld, **wallets: dict[str, Any]) -> None:
    body = ProgramIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {}, **wallets}})
    draft = await world.service.programs.draft(body, by="test", idem=None)
    number = orjson.loads(draft.body)["version"]
    await world.service.programs.activate(number, None, by="test", idem=None)


async def earn(world: LoyaltyWorld, points: int, source: str, wallet: str = "points", **more: Any) -> None:
    async with world.db.write() as tx:
        credit = Credit(LAN, wallet, points, "earned", source, world.clock.now(), **more)
        await world.service.points.credit(tx, credit)


async def spend(world: LoyaltyWorld, points: int, key: str, wallet: str = "points") -> None:
    async with world.db.write() as tx:
        member = await members.lock(tx, LAN)
        await world.service.points.spend(tx, Spend(member, wallet, points, key, "reward"))


async def balance(world: LoyaltyWorld, wallet: str = "points") -> Balance:
    async with world.db.read() as tx:
        return await world.service.points.balance(tx, await members.find(tx, LAN), wallet)


async def test_points_count_until_local_midnight_whether_or_not_a_job_came(world: LoyaltyWorld):
    world.clock.time = LAST - timedelta(days=30)
    await in_force(world, points={"expiry": {"mode": "rolling", "days": 30}})
    await earn(world, 100, "o-1")

    world.clock.time = LAST + timedelta(microseconds=999_999)
    assert (await balance(world)).available == 100
    await spend(world, 1, "last-moment")
    world.clock.time = LAST + timedelta(seconds=1)
    assert (await balance(world)).available == 0
    for _ in range(2):
        await world.service.points_upkeep.run()
    gone = await world.rows("SELECT kind, points, occurred_at FROM transactions WHERE kind = 'expired'")
    assert [tuple(row) for row in gone] == [("expired", 99, LAST + timedelta(seconds=1))]


async def test_the_terms_of_when_points_were_earned_count(world: LoyaltyWorld):
    world.clock.forward(days=1)
    await in_force(world, points={"expiry": {"mode": "rolling", "months": 1}})
    async with world.db.write() as tx:
        late = Target(LAN, "points", "o-0", 10, world.clock.now() - timedelta(hours=1))
        await world.service.points.settle(tx, late)
    await earn(world, 20, "o-1")

    assert [each.points for each in (await balance(world)).expiring] == [20]
    assert (await balance(world)).available == 30


async def test_pending_points_begin_by_day_or_by_word(world: LoyaltyWorld):
    await in_force(world, points={"pending": {"mode": "days", "days": 14}})
    await earn(world, 100, "o-1")
    await earn(world, 50, "o-2", active_at=WAITING)
    assert (await balance(world))[:2] == (0, 150)

    world.clock.time = datetime(2026, 12, 5, 16, 59, 59, tzinfo=UTC)
    assert (await balance(world))[:2] == (0, 150)
    world.clock.forward(seconds=1)
    assert (await balance(world))[:2] == (100, 50)
    await spend(world, 60, "s-1")
    async with world.db.write() as tx:
        assert await world.service.points.activate(tx, LAN, "points", "o-2", world.clock.now()) == 50
        assert await world.service.points.activate(tx, LAN, "points", "o-2", world.clock.now()) == 0
    assert (await balance(world))[:2] == (90, 0)


async def test_pending_points_begin_on_the_days_of_the_year_that_are_named(world: LoyaltyWorld):
    days = [{"month": 7, "day": 1}, {"month": 1, "day": 1}]
    await in_force(world, points={"pending": {"mode": "dates", "dates": days}})
    await earn(world, 100, "o-1")

    # The last second of 2026 in Vietnam.
    world.clock.time = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)
    assert (await balance(world))[:2] == (0, 100)
    await earn(world, 30, "o-2")
    world.clock.forward(seconds=1)
    assert (await balance(world))[:2] == (130, 0)
    await earn(world, 7, "o-3")
    assert (await balance(world))[:2] == (130, 7)
    world.clock.time = datetime(2027, 6, 30, 17, tzinfo=UTC)
    assert (await balance(world))[:2] == (137, 0)


async def test_spending_is_capped_by_local_period_and_what_came_back_makes_room(world: LoyaltyWorld):
    caps = [{"per": "transaction", "points": 60}, {"per": "day", "points": 100}, {"per": "month", "points": 150}]
    world.clock.time = LAST
    await in_force(world, points={"spending": caps})
    await earn(world, 1_000, "o-1")

    async def refused(points: int, key: str) -> tuple[int, int, str]:
        with pytest.raises(SpendingLimit) as refusal:
            await spend(world, points, key)
        data = refusal.value.data
        return data["left"], data["most"], data["per"]

    assert await refused(61, "s-0") == (60, 60, "transaction")
    await spend(world, 60, "s-1")
    assert await refused(41, "s-2") == (40, 100, "day")
    await spend(world, 40, "s-2")
    # A second on it is the next day in Vietnam; the month goes on.
    world.clock.forward(seconds=1)
    assert await refused(51, "s-3") == (50, 150, "month")
    await spend(world, 50, "s-3")
    await spend(world, 50, "s-3")
    async with world.db.write() as tx:
        # It makes room where it was spent: in the month, and on the day before.
        await world.service.points.give_back(tx, "s-1", 60, "back-1")
    assert await refused(60, "s-4") == (50, 100, "day")
    await spend(world, 50, "s-4")
    assert await refused(11, "s-5") == (0, 100, "day")
    world.clock.forward(days=9)
    await spend(world, 60, "s-5")
    assert (await balance(world)).available == 1_000 - 200


async def test_what_is_held_is_under_the_cap_of_all_keys_and_always_spent(world: LoyaltyWorld):
    await in_force(world, points={"spending": [{"per": "week", "points": 100}]})
    await earn(world, 500, "o-1")
    await world.merge(LAN, BINH)
    async with world.db.write() as tx:
        member = await members.lock(tx, BINH)
        held = [uuid7(), uuid7()]
        for key, points in zip(held, (70, 30), strict=True):
            await world.service.points.hold(
                tx, HoldRequest(key, member, "points", points, datetime.now(UTC) + timedelta(hours=1))
            )
    with pytest.raises(SpendingLimit):
        await spend(world, 1, "s-1")
    async with world.db.write() as tx:
        await world.service.points.release(tx, held[1])
        await world.service.points.capture(tx, held[0], 50, "captured", "reward")

    # 20 of the 70, and all of the 30, are free again.
    await spend(world, 50, "s-1")
    with pytest.raises(SpendingLimit):
        await spend(world, 1, "s-2")


async def test_of_all_who_spend_at_once_under_one_cap_none_exceeds_it(world: LoyaltyWorld):
    await in_force(world, points={"spending": [{"per": "lifetime", "points": 10}]})
    await earn(world, 100, "o-1")

    done = await asyncio.gather(*(spend(world, 1, f"s-{n}") for n in range(40)), return_exceptions=True)

    assert [each for each in done if each is not None and not isinstance(each, SpendingLimit)] == []
    assert done.count(None) == 10
    assert (await balance(world)).available == 90


async def test_activity_under_any_key_moves_the_end_of_all(world: LoyaltyWorld):
    await in_force(world, points={"expiry": {"mode": "inactivity", "days": 10}})
    await earn(world, 100, "o-1")
    await world.merge(LAN, BINH)
    async with world.db.write() as tx:
        await world.service.points.credit(tx, Credit(BINH, "points", 5, "earned", "o-2", world.clock.now()))
    world.clock.forward(days=9)
    await spend(world, 1, "s-1")
    world.clock.forward(days=9)
    assert (await balance(world)).available == 104
    world.clock.forward(days=2)
    assert (await balance(world)).available == 0


async def test_points_that_come_back_after_their_end_have_some_days(world: LoyaltyWorld):
    await in_force(world, points={"expiry": {"mode": "rolling", "days": 5}, "grace_days": 3})
    await earn(world, 100, "o-1")
    await spend(world, 70, "s-1")
    world.clock.forward(days=20)
    async with world.db.write() as tx:
        back = await world.service.points.give_back(tx, "s-1", 70, "r-1")
    assert back is not None
    assert (await balance(world)).available == 70
    world.clock.forward(days=4)
    assert (await balance(world)).available == 0


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ("keep", (60, 0)),
        ("pending", (60, 0)),
        ("within_balance", (0, 0)),
        ("debt", (0, 40)),
    ],
)
async def test_what_is_taken_back_follows_the_policy_once(world: LoyaltyWorld, policy: str, left: tuple[int, int]):
    await in_force(world, points={"clawback": policy})
    await earn(world, 100, "o-1")
    await spend(world, 40, "s-1")
    for _ in range(3):
        async with world.db.write() as tx:
            await world.service.points.settle(tx, Target(LAN, "points", "o-1", 0, world.clock.now()))
    found = await balance(world)
    assert (found.available, found.debt) == left

    async with world.db.write() as tx:
        await world.service.points.settle(tx, Target(LAN, "points", "o-1", 100, world.clock.now()))
    assert (await balance(world))[:4] == (60, 0, 0, 0)
    found_wrong = await world.service.invariants.check()
    assert [each.name for each in found_wrong if each.violations] == []


async def test_debt_stops_where_the_programme_says(world: LoyaltyWorld):
    await in_force(world, points={"max_debt": 25})
    await earn(world, 100, "o-1")
    await spend(world, 100, "s-1")
    async with world.db.write() as tx:
        await world.service.points.settle(tx, Target(LAN, "points", "o-1", 0, world.clock.now()))
    assert (await balance(world)).debt == 25
    await earn(world, 40, "o-2")
    assert (await balance(world))[:4] == (15, 0, 0, 0)


async def test_ends_are_told_once_for_each_number_of_days(world: LoyaltyWorld):
    await in_force(world, points={"expiry": {"mode": "rolling", "days": 30}, "notice_days": [7, 1]})
    await earn(world, 100, "o-1")
    await earn(world, 20, "o-2")
    for _ in range(32):
        await world.service.points_upkeep.run()
        await world.service.points_upkeep.run()
        world.clock.forward(days=1)

    told = [(event.subject, event.data.points, event.data.days) for event in await world.announced(PointsExpiring)]
    assert told == [(LAN, 120, 7), (LAN, 120, 1)]


async def test_a_version_is_written_looked_at_and_put_in_force(database_url: str):
    clock = HandClock()
    async with running_platform(database_url, [manifest], role="api", clock=clock) as running:

        async def post(path: str, body: dict[str, Any] | None = None) -> httpx.Response:
            return await running.crm.post(f"{PROGRAM}{path}", json=body or {})

        def code(answer: httpx.Response) -> tuple[int, str]:
            return answer.status_code, answer.json()["code"]

        terms = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"expiry": {"mode": "rolling", "months": 12}}}}
        assert (await post("/versions", {**terms, "zone": "Asia/Atlantis"})).status_code == 422
        assert (await post("/versions", {**terms, "wallets": {"Points!": {}}})).status_code == 422
        assert (await post("/versions", terms)).json()["version"] == 1
        changed = {**terms, "note": "Làm tròn cuối tháng"}
        changed["wallets"] = {"points": {"expiry": {"mode": "rolling", "months": 12, "rounding": "month"}}, "sao": {}}
        assert (await running.crm.put(f"{PROGRAM}/versions/1", json=changed)).json()["status"] == "draft"

        seen = await running.crm.get(f"{PROGRAM}/versions/1/preview", params={"earned_at": "2026-11-22T16:00:00+07:00"})
        lines = [(each["wallet"], each["kind"], each["after"]["expires_on"]) for each in seen.json()["lines"]]
        assert lines == [("points", "changed", "2027-11-30"), ("sao", "new", None)]

        soon = {"effective_at": "2026-11-22T09:30:00Z"}
        assert code(await post("/versions/1/activate", {"effective_at": "2026-11-22T08:59:59Z"})) == (
            422, "loyalty.program_effective_too_early",
        )  # fmt: skip
        assert (await post("/versions/1/activate", soon)).json()["status"] == "active"
        assert code(await post("/versions/1/activate", soon)) == (409, "loyalty.program_not_a_draft")
        assert (await running.crm.get(PROGRAM)).json()["version"] == 0
        clock.forward(minutes=30)
        assert (await running.crm.get(PROGRAM)).json()["version"] == 1

        await post("/versions", terms)
        assert code(await post("/versions/2/activate")) == (422, "loyalty.program_wallet_dropped")
        assert (await post("/versions/2/withdraw")).json()["status"] == "withdrawn"
        assert code(await running.crm.put(f"{PROGRAM}/versions/2", json=terms)) == (409, "loyalty.program_not_a_draft")
        assert code(await running.crm.get(f"{PROGRAM}/versions/3")) == (404, "loyalty.program_version_unknown")
        listed = (await running.crm.get(f"{PROGRAM}/versions", params={"limit": 1})).json()
        rest = (await running.crm.get(f"{PROGRAM}/versions", params={"cursor": listed["next_cursor"]})).json()
        assert [each["version"] for each in listed["items"] + rest["items"]] == [2, 1]


async def test_what_ends_next_is_said_with_each_spend_and_never_too_soon(world: LoyaltyWorld):
    await in_force(world, points={"expiry": {"mode": "rolling", "days": 30}, "notice_days": [7]})
    await earn(world, 100, "o-1")
    world.clock.forward(days=25)
    await earn(world, 40, "o-2")
    await world.service.points_upkeep.announce_ends()
    await spend(world, 70, "s-1")
    await spend(world, 30, "s-2")

    (notice,) = await world.announced(PointsExpiring)
    assert (notice.data.points, notice.data.version) == (100, 2)
    said = [
        (each.data.version, each.data.next_expiring, each.data.next_expires_at)
        for each in await world.announced(PointsEarned, PointsSpent)
    ]
    first, second = (await ends(world))[0], (await ends(world))[-1]
    # The second credit did not look at the others, so it says nothing of them.
    assert said == [(1, 100, first), (2, None, None), (3, 30, first), (4, 40, second)]


async def ends(world: LoyaltyWorld) -> list[datetime]:
    return [row.expires_at for row in await world.rows("SELECT expires_at FROM lots ORDER BY expires_at")]


async def test_who_is_active_is_told_of_no_end_by_inactivity(world: LoyaltyWorld):
    await in_force(world, points={"expiry": {"mode": "inactivity", "days": 30}})
    await earn(world, 100, "o-1")
    world.clock.forward(days=25)
    await earn(world, 40, "o-2")
    await spend(world, 10, "s-1")

    earned = (await world.announced(PointsEarned))[-1].data
    (spent,) = await world.announced(PointsSpent)
    assert (earned.next_expiring, earned.next_expires_at) == (140, (await ends(world))[0])
    assert spent.data.next_expiring == 0
