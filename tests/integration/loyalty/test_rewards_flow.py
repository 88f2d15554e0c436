"""Rewards on a real database: units and points move together, whoever comes at once and whatever is merged."""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import orjson
import pytest
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign

from services.loyalty.points.repository.checks import CHECKS as POINTS_CHECKS
from services.loyalty.points.service import Credit
from services.loyalty.rewards.errors import BadReward, PurchaseSettled, RewardMoved, StockTaken
from services.loyalty.rewards.repository import CHECKS
from services.loyalty.rewards.schemas import (
    NoteIn,
    PurchaseIn,
    PurchaseOut,
    RewardChangeIn,
    RewardIn,
    RewardOut,
    StockIn,
)
from shared.db.engine import WriteTx
from shared.delivery.idempotency import Answer, Idempotent
from shared.errors import AppError
from shared.ids import user_key, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAG = {"name": "Túi vải", "kind": "material", "points": 100}


@pytest.fixture
def world(module_world: LoyaltyWorld) -> LoyaltyWorld:
    return module_world


def read(answer: Answer) -> Any:
    return orjson.loads(answer.body)


async def a_reward(world: LoyaltyWorld, **rest: Any) -> RewardOut:
    body = RewardIn.model_validate({**BAG, **rest})
    return RewardOut.model_validate(read(await world.service.rewards.create(body, by="test", idem=None)))


async def somebody(world: LoyaltyWorld, points: int = 1_000) -> str:
    """A user id, with points that never end and some that end first."""
    name = str(uuid7())
    async with world.db.write() as tx:
        for share, days in ((points // 2, 30), (points - points // 2, 60)):
            if share:
                at = world.clock.now()
                ends = at.replace(year=at.year + days // 30)
                credit = Credit(user_key(name), "points", share, "earned", f"test:{uuid7()}", at, at, ends)
                await world.service.points.credit(tx, credit)
    return name


async def buy(
    world: LoyaltyWorld, reward: RewardOut, name: str, quantity: int = 1, *, idem: Idempotent | None = None
) -> PurchaseOut | list[str]:
    """The purchase, or what was in the way."""
    body = PurchaseIn(customer=f"user_id:{name}", quantity=quantity)
    try:
        answer = await world.service.rewards.buy(reward.id, body, by="till", idem=idem)
    except AppError as refusal:
        return [each["reason"] for each in refusal.data["reasons"]]
    return PurchaseOut.model_validate(read(answer))


async def bought(world: LoyaltyWorld, reward: RewardOut, name: str, quantity: int = 1) -> PurchaseOut:
    found = await buy(world, reward, name, quantity)
    assert isinstance(found, PurchaseOut), found
    return found


async def available(world: LoyaltyWorld, name: str, wallet: str = "points") -> int:
    member = await world.member(user_key(name))
    async with world.db.read() as tx:
        return (await world.service.points.balance(tx, member, wallet)).available


async def lots(world: LoyaltyWorld, name: str) -> list[int]:
    """What is left in somebody's lots, those that end first at the beginning."""
    rows = await world.rows(
        "SELECT l.remaining FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id WHERE w.person_id = :person "
        "ORDER BY l.expires_at, l.id",
        person=user_key(name),
    )
    return [row.remaining for row in rows]


async def taken(world: LoyaltyWorld, reward: RewardOut) -> int:
    return (await world.service.rewards.get(reward.id)).taken


async def faults(world: LoyaltyWorld) -> dict[str, Any]:
    return {each.name: found for each in (*CHECKS, *POINTS_CHECKS) if (found := await world.rows(each.sql))}


async def test_points_and_units_are_taken_and_a_cancellation_gives_both_back_where_they_came_from(world: LoyaltyWorld):
    reward, ann = await a_reward(world, stock=10, points=300), await somebody(world, 1_000)

    purchase = await bought(world, reward, ann, 2)

    assert (purchase.state, purchase.points, purchase.next) == ("ordered", 600, ["fulfil", "cancel"])
    assert (await available(world, ann), await lots(world, ann), await taken(world, reward)) == (400, [0, 400], 2)
    for _ in range(2):
        cancelled = await world.service.rewards.cancel(purchase.id, NoteIn(note="hết màu"), by="linh", idem=None)
        assert (read(cancelled)["state"], read(cancelled)["settled_by"]) == ("cancelled", "linh")
    assert (await available(world, ann), await lots(world, ann), await taken(world, reward)) == (1_000, [500, 500], 0)
    with pytest.raises(PurchaseSettled):
        await world.service.rewards.fulfil(purchase.id, NoteIn(note=None), by="linh", idem=None)
    assert await faults(world) == {}


async def test_what_was_handed_over_is_not_cancelled(world: LoyaltyWorld):
    reward, ann = await a_reward(world), await somebody(world)
    purchase = await bought(world, reward, ann)

    done = read(await world.service.rewards.fulfil(purchase.id, NoteIn(note="gửi qua kho"), by="linh", idem=None))

    assert (done["state"], done["note"], done["next"]) == ("fulfilled", "gửi qua kho", [])
    with pytest.raises(PurchaseSettled):
        await world.service.rewards.cancel(purchase.id, NoteIn(note=None), by="linh", idem=None)
    assert await available(world, ann) == 900


async def test_a_crowd_buys_exactly_what_there_is(world: LoyaltyWorld):
    reward = await a_reward(world, stock=12)
    people = [await somebody(world, 150) for _ in range(40)]

    answers = await asyncio.gather(*(buy(world, reward, name) for name in people))

    lucky = [name for name, answer in zip(people, answers, strict=True) if isinstance(answer, PurchaseOut)]
    assert len(lucky) == 12
    assert [answer for answer in answers if not isinstance(answer, PurchaseOut)] == [["out_of_stock"]] * 28
    assert await taken(world, reward) == 12
    assert [await available(world, name) for name in people] == [50 if name in lucky else 150 for name in people]
    assert await faults(world) == {}


async def test_to_look_first_and_take_without_looking_sells_too_much(world: LoyaltyWorld):
    """The race is there: a stock that is only read is sold several times."""
    reward = await a_reward(world, stock=1)
    barrier = asyncio.Barrier(4)

    async def naive(tx: WriteTx) -> bool:
        values = {"id": reward.id}
        row = (await tx.execute("SELECT stock, taken FROM rewards WHERE id = :id", values)).one()
        await barrier.wait()
        if row.taken >= row.stock:
            return False
        await tx.execute("UPDATE rewards SET taken = :taken WHERE id = :id", {**values, "taken": row.taken + 1})
        return True

    async def buyer() -> bool:
        async with world.db.write() as tx:
            return await naive(tx)

    assert sum(await asyncio.gather(*(buyer() for _ in range(4)))) == 4
    async with world.db.write() as tx:
        await tx.execute("UPDATE rewards SET taken = 0 WHERE id = :id", {"id": reward.id})


async def test_one_person_who_asks_many_times_at_once_pays_for_what_they_get(world: LoyaltyWorld):
    reward, ann = await a_reward(world), await somebody(world, 350)

    answers = await asyncio.gather(*(buy(world, reward, ann) for _ in range(8)))

    assert sum(isinstance(answer, PurchaseOut) for answer in answers) == 3
    assert [each for each in answers if not isinstance(each, PurchaseOut)] == [["insufficient_points"]] * 5
    assert await available(world, ann) == 50
    assert await faults(world) == {}


async def test_the_limit_of_a_person_holds_at_once_through_merges_and_for_its_time(world: LoyaltyWorld):
    reward = await a_reward(world, max_per_person=2, limit_days=30, points=1)
    ann, anna = await somebody(world), await somebody(world)
    answers = await asyncio.gather(*(buy(world, reward, ann) for _ in range(6)))
    assert sum(isinstance(answer, PurchaseOut) for answer in answers) == 2
    assert isinstance(await buy(world, reward, anna), PurchaseOut)

    await world.merge(user_key(anna), user_key(ann))
    assert await buy(world, reward, anna) == ["limit_reached"]
    await world.unmerge(user_key(anna), user_key(ann))
    assert isinstance(await buy(world, reward, anna), PurchaseOut)
    assert await buy(world, reward, anna) == ["limit_reached"]

    world.clock.forward(days=31)
    assert isinstance(await buy(world, reward, ann), PurchaseOut)


async def test_a_merged_person_pays_from_all_their_keys_and_gets_back_to_each(world: LoyaltyWorld):
    reward, ann, anna = await a_reward(world, points=1_500), await somebody(world), await somebody(world)
    assert await buy(world, reward, ann) == ["insufficient_points"]
    await world.merge(user_key(anna), user_key(ann))
    purchase = await bought(world, reward, ann)
    assert await available(world, ann) == 500

    await world.unmerge(user_key(anna), user_key(ann))
    await world.service.rewards.cancel(purchase.id, NoteIn(note=None), by="linh", idem=None)

    assert [await available(world, name) for name in (ann, anna)] == [1_000, 1_000]
    assert await faults(world) == {}


async def test_the_same_key_buys_once(world: LoyaltyWorld):
    reward, ann = await a_reward(world, stock=5), await somebody(world)
    idem = Idempotent(f"till:{uuid7()}", b"the same request")

    answers = await asyncio.gather(*(buy(world, reward, ann, idem=idem) for _ in range(6)))

    assert len({answer.id for answer in answers if isinstance(answer, PurchaseOut)}) == 1
    assert (await available(world, ann), await taken(world, reward)) == (900, 1)


async def test_cancelling_and_fulfilling_at_once_ends_it_one_way(world: LoyaltyWorld):
    reward, ann = await a_reward(world, stock=20, points=10), await somebody(world)
    purchases = [await bought(world, reward, ann) for _ in range(6)]

    async def end(number: int, key: UUID) -> None:
        verb = world.service.rewards.cancel if number % 2 else world.service.rewards.fulfil
        with contextlib.suppress(PurchaseSettled):
            await verb(key, NoteIn(note=None), by="linh", idem=None)

    await asyncio.gather(*(end(number, each.id) for number in range(4) for each in purchases))

    states = [(await world.service.rewards.purchase(each.id)).state for each in purchases]
    assert "ordered" not in states
    assert await taken(world, reward) == states.count("fulfilled")
    assert await available(world, ann) == 1_000 - 10 * states.count("fulfilled")
    assert await faults(world) == {}


async def test_a_voucher_is_in_the_purchase_and_if_there_is_none_nothing_is_paid(world: LoyaltyWorld):
    voucher = await campaign(world.service)
    draft = await campaign(world.service, state=None)
    ann = await somebody(world)
    good = await a_reward(world, kind="voucher", gives={"campaign": str(voucher)})
    bad = await a_reward(world, kind="voucher", gives={"campaign": str(draft)}, stock=3)

    purchase = await bought(world, good, ann, 2)
    with pytest.raises(AppError) as refusal:
        body = PurchaseIn(customer=f"user_id:{ann}")
        await world.service.rewards.buy(bad.id, body, by="till", idem=None)

    assert (purchase.state, len(set(purchase.vouchers))) == ("fulfilled", 2)
    owned = await world.service.assignments.of(user_key(ann), before=None, limit=10)
    assert {each.id for each in owned} == set(purchase.vouchers)
    assert refusal.value.code == "loyalty.wrong_state"
    assert (await available(world, ann), await taken(world, bad)) == (800, 0)


async def test_points_can_be_bought_with_points_once(world: LoyaltyWorld):
    ann = await somebody(world)
    reward = await a_reward(world, kind="points", gives={"points": 30, "wallet": "points"}, max_per_person=2)

    assert (await bought(world, reward, ann, 2)).state == "fulfilled"
    assert await available(world, ann) == 1_000 - 200 + 60
    assert await faults(world) == {}


async def test_a_change_counts_from_then_on_and_is_made_to_what_was_read(world: LoyaltyWorld):
    reward, ann = await a_reward(world, stock=3), await somebody(world)
    await bought(world, reward, ann)
    rewards = world.service.rewards

    body = RewardChangeIn.model_validate({**BAG, "points": 250, "stock": 2, "version": 1})
    assert read(await rewards.change(reward.id, body, by="test", idem=None))["version"] == 2
    with pytest.raises(RewardMoved):
        await rewards.change(reward.id, body, by="test", idem=None)
    assert (await bought(world, reward, ann)).points == 250
    assert await buy(world, reward, ann) == ["out_of_stock"]
    with pytest.raises(StockTaken):
        await rewards.add_stock(reward.id, StockIn(units=-1), by="test", idem=None)
    await rewards.add_stock(reward.id, StockIn(units=1), by="test", idem=None)
    assert (await bought(world, reward, ann)).points == 250
    other = RewardChangeIn.model_validate({**BAG, "kind": "digital", "version": 3})
    with pytest.raises(BadReward):
        await rewards.change(reward.id, other, by="test", idem=None)


async def test_nobody_pays_a_price_that_was_changed_in_that_moment(world: LoyaltyWorld):
    reward, people = await a_reward(world), [await somebody(world) for _ in range(12)]

    async def changes() -> None:
        for version in range(1, 6):
            body = RewardChangeIn.model_validate({**BAG, "points": 100 + version, "version": version})
            await world.service.rewards.change(reward.id, body, by="test", idem=None)

    async def buyer(name: str) -> PurchaseOut | str:
        body = PurchaseIn(customer=f"user_id:{name}")
        try:
            return PurchaseOut.model_validate(
                read(await world.service.rewards.buy(reward.id, body, by="till", idem=None))
            )
        except RewardMoved as refusal:
            return refusal.code

    answers, _ = await asyncio.gather(asyncio.gather(*(buyer(name) for name in people)), changes())

    for name, answer in zip(people, answers, strict=True):
        paid = answer.points if isinstance(answer, PurchaseOut) else 0
        assert await available(world, name) == 1_000 - paid
    assert await faults(world) == {}


async def test_what_is_in_the_way_is_told_before(world: LoyaltyWorld):
    reward, ann = await a_reward(world, points=400, stock=2), await somebody(world, 300)

    asked = await world.service.rewards.eligibility(reward.id, f"user_id:{ann}", 3)

    assert (asked.is_eligible, asked.points) == (False, 1_200)
    assert [each.model_dump() for each in asked.reasons] == [
        {"reason": "out_of_stock", "remaining": 2},
        {"reason": "insufficient_points", "required": 1_200, "available": 300, "missing": 900},
    ]
