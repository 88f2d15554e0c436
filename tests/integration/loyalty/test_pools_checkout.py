"""A household's points at the till and for rewards: spent, held, committed, voided and rolled back as one's own are."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, open_till

from shared.events.catalogue.loyalty import PointsSpent
from shared.events.envelope import Catalogue
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def sound(till: Till) -> AsyncIterator[None]:
    """After every test every invariant of loyalty holds."""
    yield
    assert await till.violations() == {}


@dataclass
class Home:
    """An and Bình share what they have."""

    till: Till
    id: str
    an: str
    binh: str

    async def have(self) -> list[int]:
        """What each of them has alone."""
        return [await self.till.points(self.an), await self.till.points(self.binh)]

    async def spends(self) -> list[tuple[int, int, str]]:
        """Points, what came back of them, and what they paid for; the latest first."""
        found = (await self.till.get(f"/pools/{self.id}/spends"))["items"]
        return [(each["points"], each["returned"], (each["paid_for"] or "").partition(":")[0]) for each in found]

    def order(self, who: str, points: int, **more: Any) -> dict[str, Any]:
        return ask(who, order_id=f"đơn-{uuid4()}", points=points, pool=self.id, **more)


async def home(till: Till, an: int, binh: int, role: str = "spender", **said: Any) -> Home:
    names = [f"{name}-{uuid4()}" for name in ("an", "bình")]
    made = await till.post("/pools", {"owner": f"user_id:{names[0]}", **said}, 201)
    invited = {"by": f"user_id:{names[0]}", "member": f"user_id:{names[1]}", "role": role}
    invitation = await till.post(f"/pools/{made['id']}/invitations", invited, 201)
    await till.post(f"/pool-invitations/{invitation['id']}/accept", {}, 200)
    for name, points in zip(names, (an, binh), strict=True):
        if points:
            await till.give_points(name, points)
    return Home(till, made["id"], *names)


async def test_an_order_is_paid_by_both_and_comes_back_to_both(till: Till):
    ours = await home(till, 300, 200)
    looked = await till.post("/validations", ours.order(ours.binh, 400), 200)
    assert (looked["points"]["available"], looked["points"]["minor"]) == (500, 40_000)

    paid = await till.post("/redemptions", ours.order(ours.binh, 400), 201)

    assert (paid["pool"], paid["points"], paid["payable_minor"]) == (ours.id, 400, 960_000)
    assert sum(await ours.have()) == 100
    (stood,) = (await till.get(f"/pools/{ours.id}/spends"))["items"]
    refused = await till.post(f"/pools/{ours.id}/spends/{stood['id']}/return", {}, 409)
    assert (refused["code"], refused["paid_for"]) == ("loyalty.pool_spend_elsewhere", f"redemption:{paid['id']}")
    back = f"/redemptions/{paid['id']}/rollbacks"
    await till.post(back, {"reason": "trả một phần", "points": 150}, 201)
    assert await ours.spends() == [(400, 150, "redemption")]
    await till.post(back, {"reason": "trả hết"}, 201)
    assert (await ours.spends(), await ours.have()) == ([(400, 400, "redemption")], [300, 200])
    again = await till.post(back, {"reason": "lần nữa"}, 409)
    assert again["code"] == "loyalty.nothing_left"


async def test_what_is_held_is_committed_in_part_voided_or_runs_out(till: Till):
    ours = await home(till, 100, 100, daily_limit=150)
    held = await till.post("/reservations", ours.order(ours.an, 150), 201)
    assert (held["pool"], sum(await ours.have())) == (ours.id, 50)
    limited = await till.post("/reservations", ours.order(ours.an, 20), 409)
    assert (limited["code"], limited["reason"]) == ("loyalty.points_refused", "pool_limit")
    assert limited["offer"]["available"] == 0

    done = await till.post(f"/reservations/{held['id']}/commit", {"points": 60}, 201)
    assert (done["points"], done["pool"], sum(await ours.have())) == (60, ours.id, 140)
    second = await till.post("/reservations", ours.order(ours.an, 90), 201)
    await till.post(f"/reservations/{second['id']}/void", {}, 200)
    third = await till.post("/reservations", ours.order(ours.binh, 120), 201)
    await till.lapse(third["id"])
    assert sum(await ours.have()) <= 140
    # Nobody came by to end it: whoever of the household needs it, does.
    await till.post("/redemptions", ours.order(ours.an, 90), 201)
    assert sum(await ours.have()) == 50
    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "trả"}, 201)
    assert sum(await ours.have()) == 110, "and the day has room for as much again"
    await till.post("/redemptions", ours.order(ours.an, 60), 201)
    expired = await till.post(f"/reservations/{third['id']}/commit", {}, 409)
    assert (expired["code"], expired["state"]) == ("loyalty.reservation_ended", "expired")
    fourth = await till.post("/reservations", ours.order(ours.binh, 30), 201)
    await till.lapse(fourth["id"])
    anew = await till.post(f"/reservations/{fourth['id']}/commit", {"reacquire": True}, 201)
    assert (anew["points"], anew["pool"], sum(await ours.have())) == (30, ours.id, 20)


async def test_who_may_not_spend_of_it_is_refused_and_nothing_is_taken(till: Till):
    ours = await home(till, 100, 100, role="saver")
    stranger = f"lạ-{uuid4()}"
    await till.give_points(stranger, 500)
    for who, status, code in (
        (ours.binh, 409, "loyalty.pool_role"),
        (stranger, 409, "loyalty.pool_not_member"),
    ):
        for path in ("/validations", "/reservations", "/redemptions"):
            assert (await till.post(path, ours.order(who, 50), status))["code"] == code
    nowhere = {**ours.order(ours.an, 50), "pool": "01900000-0000-7000-8000-000000000000"}
    assert (await till.post("/redemptions", nowhere, 404))["code"] == "loyalty.pool_unknown"
    over = await till.post("/redemptions", ours.order(ours.an, 201), 409)
    assert (over["reason"], over["offer"]["max_points"]) == ("not_enough_points", 200)
    assert (await ours.have(), await ours.spends()) == ([100, 100], [])


async def test_of_all_who_come_at_once_the_household_pays_no_more_than_it_has(till: Till):
    ours = await home(till, 130, 120, daily_limit=200)

    async def pay(who: str) -> int:
        answer = await till.http.post("/v1/loyalty/redemptions", json=ours.order(who, 40))
        assert answer.status_code in (201, 409), answer.text
        return answer.status_code

    found = await asyncio.gather(*(pay(who) for who in [ours.an, ours.binh] * 6))

    assert (found.count(201), await ours.have()) == (6, [0, 10]) or sum(await ours.have()) == 250 - 40 * 6
    assert [each[0] for each in await ours.spends()] == [40] * 6


async def test_a_reward_is_paid_by_the_household_and_its_cancellation_gives_back(till: Till):
    ours = await home(till, 60, 60, daily_limit=110)
    body = {"name": "Nón lá", "kind": "material", "points": 100, "stock": 2}
    reward = await till.post("/rewards", body, 201)
    path = f"/rewards/{reward['id']}/purchases"
    alone = await till.post(path, {"customer": f"user_id:{ours.an}"}, 409)
    assert alone["code"] == "loyalty.reward_not_eligible"

    bought = await till.post(path, {"customer": f"user_id:{ours.an}", "pool": ours.id}, 201)

    assert (bought["pool"], bought["points"], sum(await ours.have())) == (ours.id, 100, 20)
    await till.give_points(ours.an, 100)
    over = await till.post(path, {"customer": f"user_id:{ours.an}", "pool": ours.id}, 409)
    assert (over["code"], over["left"]) == ("loyalty.pool_limit", 10)
    assert (await till.get(f"/rewards/{reward['id']}"))["remaining"] == 1, "neither units nor points"
    for _ in range(2):
        await till.post(f"/reward-purchases/{bought['id']}/cancel", {}, 200)
    assert (await ours.have(), await ours.spends()) == ([160, 60], [(100, 100, "reward")])
    assert (await till.get(f"/rewards/{reward['id']}"))["remaining"] == 2


async def test_merged_taken_apart_and_erased_members_keep_the_books_sound(till: Till):
    ours = await home(till, 100, 100)
    other = f"an-khác-{uuid4()}"
    await till.give_points(other, 50)
    await till.merge(user_key(other), user_key(ours.an))
    paid = await till.post("/redemptions", ours.order(other, 220), 201)
    held = await till.post("/reservations", ours.order(ours.binh, 20), 201)
    await till.unmerge(user_key(other), user_key(ours.an))
    refused = await till.post("/redemptions", ours.order(other, 10), 409)
    assert refused["code"] == "loyalty.pool_not_member"

    await till.post(f"/redemptions/{paid['id']}/rollbacks", {"reason": "trả"}, 201)
    assert sum([*await ours.have(), await till.points(other)]) == 230
    gone = {"member": f"user_id:{ours.binh}"}
    await till.post(f"/pools/{ours.id}/leave", gone, 200)
    done = await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    assert (done["points"], sum([*await ours.have(), await till.points(other)])) == (20, 230)


async def test_each_member_is_told_what_was_spent_of_theirs(till: Till):
    ours = await home(till, 70, 80)
    await till.post("/redemptions", ours.order(ours.an, 150), 201)
    rows = await till.rows('SELECT unnest("values") AS value FROM outbox')
    told = [event for row in rows if (event := Catalogue((PointsSpent,)).decode(row.value)) is not None]
    mine = {user_key(ours.an), user_key(ours.binh)}
    spent = {each.subject: each.data.points for each in told}
    assert {key: points for key, points in spent.items() if key in mine} == {
        user_key(ours.an): 70,
        user_key(ours.binh): 80,
    }
