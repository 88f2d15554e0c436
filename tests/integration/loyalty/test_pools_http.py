"""Household pools over HTTP: several spend what they have together, each keeps what is theirs, and races cost nobody
a point."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.testing.platform import Running

NOWHERE = "01900000-0000-7000-8000-000000000000"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Household:
    """A pool, and people of its own."""

    running: Running
    id: str
    mark: str

    def ref(self, name: str) -> str:
        return f"user_id:{name}-{self.mark}"

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.running.crm.post(f"/v1/loyalty/pools/{self.id}/{path}", json=body, headers=headers)

    async def invite(self, name: str, role: str = "spender") -> str:
        made = await self.post("invitations", {"by": self.ref("an"), "member": self.ref(name), "role": role})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def joins(self, name: str, points: int = 0, role: str = "spender", **more: str) -> None:
        invitation = await self.invite(name, role)
        if points:
            await give(self.running, self.ref(name), points, **more)
        came = await self.running.crm.post(f"/v1/loyalty/pool-invitations/{invitation}/accept", json={})
        assert came.status_code == 200, came.text

    async def spend(self, name: str, points: int, **headers: str) -> httpx.Response:
        return await self.post("spends", {"by": self.ref(name), "points": points, "reference": "o-1"}, **headers)

    async def get(self) -> dict[str, Any]:
        return dict((await self.running.crm.get(f"/v1/loyalty/pools/{self.id}")).json())

    async def available(self) -> int:
        return int((await self.get())["wallets"][0]["available"])

    async def own(self, name: str) -> int:
        """What a member has by themselves."""
        wallets = (await self.running.crm.get(f"/v1/loyalty/members/{self.ref(name)}")).json()["wallets"]
        return sum(each["available"] for each in wallets)


async def give(running: Running, member: str, points: int, **more: str) -> None:
    body = {"points": points, "reason": "goodwill", **more}
    given = await running.crm.post(f"/v1/loyalty/members/{member}/adjustments", json=body)
    assert given.status_code == 201, given.text


async def household(running: Running, points: int = 0, **said: Any) -> Household:
    """A pool of one, who has some points."""
    mark = uuid4().hex[:12]
    owner = f"user_id:an-{mark}"
    made = await running.crm.post("/v1/loyalty/pools", json={"owner": owner, **said})
    assert made.status_code == 201, made.text
    if points:
        await give(running, owner, points)
    return Household(running, made.json()["id"], mark)


async def sound(running: Running) -> None:
    """All that must hold holds."""
    found = await running.platform.value("loyalty").invariants.check()
    assert {each.name: each.examples for each in found if each.violations} == {}


async def test_members_spend_together_what_ends_first_first_and_leave_with_their_own(module_running: Running):
    home = await household(module_running, 100)
    await home.joins("bình", 50, expires_at="2100-01-01T00:00:00Z")
    assert [await home.available(), await home.own("an"), await home.own("bình")] == [150, 100, 50]

    spent = await home.spend("an", 70)
    assert (spent.status_code, spent.json()["points"]) == (201, 70)
    assert [await home.available(), await home.own("an"), await home.own("bình")] == [80, 80, 0], "his would have ended"

    path = f"spends/{spent.json()['id']}/return"
    some, rest, again = [await home.post(path, body) for body in ({"points": 30}, {}, {})]
    assert [each.json()["returned"] for each in (some, rest, again)] == [30, 70, 70]
    assert [await home.own("an"), await home.own("bình")] == [100, 50], "to the lots they came from"
    left = await home.post("leave", {"member": home.ref("bình")})
    assert [each["role"] for each in left.json()["members"]] == ["owner"]
    assert [await home.available(), await home.own("bình")] == [100, 50]
    assert (await home.spend("bình", 1)).json()["code"] == "loyalty.pool_not_member"
    assert (await home.spend("an", 101)).json()["code"] == "loyalty.not_enough_points"
    await sound(module_running)


async def test_who_spends_at_once_spends_no_point_twice(module_running: Running):
    home = await household(module_running, 60)
    for name in ("bình", "cúc", "dung"):
        await home.joins(name, 20)

    names = ["an", "bình", "cúc", "dung"] * 6
    answers = await asyncio.gather(*(home.spend(name, 10) for name in names))

    assert sorted(each.status_code for each in answers) == [201] * 12 + [409] * 12
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"loyalty.not_enough_points"}
    assert await home.available() == 0
    ids = [each.json()["id"] for each in answers if each.status_code == 201]
    back = await asyncio.gather(*(home.post(f"spends/{each}/return", {}) for each in ids for _ in range(2)))
    assert all(each.json()["returned"] == 10 for each in back)
    assert [await home.own(name) for name in ("an", "bình", "cúc", "dung")] == [60, 20, 20, 20]
    await sound(module_running)


async def test_spending_leaving_and_coming_at_once_lose_nothing(module_running: Running):
    home = await household(module_running, 100)
    others = await household(module_running, 0)
    for name in ("bình", "cúc"):
        await home.joins(name, 50)
    invitation = await home.invite("dung")
    await give(module_running, home.ref("dung"), 30)

    async def comes() -> httpx.Response:
        return await module_running.crm.post(f"/v1/loyalty/pool-invitations/{invitation}/accept", json={})

    answers = await asyncio.gather(
        *(home.spend(name, 10) for name in ("an", "bình", "cúc", "dung") for _ in range(3)),
        home.post("leave", {"member": home.ref("bình")}),
        comes(),
        home.post("leave", {"member": home.ref("an")}),
        comes(),
    )

    assert {each.status_code for each in answers} <= {200, 201, 409}, [each.text for each in answers]
    spent = sum(each.json()["points"] for each in answers if each.status_code == 201)
    assert sum([await home.own(name) for name in ("an", "bình", "cúc", "dung")]) == 230 - spent
    found = await home.get()
    assert sorted(each["role"] for each in found["members"]).count("owner") == 1
    assert len(found["members"]) == 2
    assert await others.available() == 0
    await sound(module_running)


async def test_everybody_is_in_one_pool_however_many_invite_at_once(module_running: Running):
    homes = [await household(module_running) for _ in range(4)]
    guest = f"user_id:guest-{uuid4()}"
    asked = [await home.post("invitations", {"by": home.ref("an"), "member": guest}) for home in homes]
    listed = (await module_running.crm.get(f"/v1/loyalty/members/{guest}/pool-invitations")).json()
    assert len(listed["invitations"]) == 4

    paths = [f"/v1/loyalty/pool-invitations/{each.json()['id']}/accept" for each in asked]
    answers = await asyncio.gather(*(module_running.crm.post(path, json={}) for path in paths for _ in range(2)))

    assert [each.status_code for each in answers].count(200) == 1
    codes = {each.json()["code"] for each in answers if each.status_code != 200}
    assert codes <= {"loyalty.pool_elsewhere", "loyalty.pool_invitation_over"}
    assert (await module_running.crm.get(f"/v1/loyalty/members/{guest}/pool")).status_code == 200
    again = await module_running.crm.post("/v1/loyalty/pools", json={"owner": guest})
    assert (again.status_code, again.json()["code"]) == (409, "loyalty.pool_elsewhere")


async def test_a_saver_gives_and_spends_nothing_and_a_limit_is_for_a_day(module_running: Running):
    home = await household(module_running, 100, daily_limit=30)
    await home.joins("bình", 50, role="saver")
    await home.joins("cúc")
    refused = await home.spend("bình", 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "loyalty.pool_role")

    answers = await asyncio.gather(*(home.spend("cúc", 10) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 3
    over = await home.spend("cúc", 1)
    assert (over.json()["code"], over.json()["left"]) == ("loyalty.pool_limit", 0)
    assert (await home.spend("an", 30)).status_code == 201, "a limit is for each"
    spent = next(each for each in answers if each.status_code == 201).json()["id"]
    await home.post(f"spends/{spent}/return", {})
    assert (await home.spend("cúc", 10)).status_code == 201
    role = {"by": home.ref("an"), "member": home.ref("bình"), "role": "spender"}
    assert (await home.post("roles", {**role, "by": home.ref("cúc")})).json()["code"] == "loyalty.pool_role"
    assert (await home.post("roles", role)).status_code == 200
    assert (await home.spend("bình", 1)).status_code == 201
    await sound(module_running)


async def test_a_hold_of_a_pool_is_committed_and_voided_as_any_other(module_running: Running):
    home = await household(module_running, 40, daily_limit=60)
    await home.joins("bình", 60)
    body = {"by": home.ref("bình"), "points": 60}
    held = await home.post("holds", body)
    assert (held.status_code, await home.available()) == (201, 40)
    assert (await home.post("holds", {**body, "points": 1})).json()["code"] == "loyalty.pool_limit"
    await home.post("leave", {"member": home.ref("bình")})

    path = f"/v1/loyalty/holds/{held.json()['id']}"
    done = await module_running.crm.post(f"{path}/commit", json={"points": 50})

    assert (done.status_code, done.json()["captured"]) == (200, 50)
    assert await home.own("an") + await home.own("bình") == 50
    await give(module_running, home.ref("an"), 5)
    second = await home.post("holds", {"by": home.ref("an"), "points": 5})
    assert await home.available() == 0
    voided = await module_running.crm.post(f"/v1/loyalty/holds/{second.json()['id']}/void")
    assert voided.status_code == 200
    assert [await home.available(), await home.own("an") + await home.own("bình")] == [5, 55]
    await sound(module_running)


async def test_the_owner_hands_over_or_the_first_of_the_others_owns(module_running: Running):
    home = await household(module_running, 0, max_members=3)
    await home.joins("bình")
    await home.joins("cúc")
    full = await home.invite("dung")
    refused = await module_running.crm.post(f"/v1/loyalty/pool-invitations/{full}/accept", json={})
    assert (refused.json()["code"], refused.json()["limit"]) == ("loyalty.pool_full", 3)
    away = {"member": home.ref("an"), "by": home.ref("bình")}
    assert (await home.post("leave", away)).json()["code"] == "loyalty.pool_role"
    limits = {"by": home.ref("an"), "max_members": 2}
    path = f"/v1/loyalty/pools/{home.id}/limits"
    assert (await module_running.crm.put(path, json=limits)).json()["code"] == "loyalty.pool_full"

    left = (await home.post("leave", {"member": home.ref("an")})).json()["members"]
    assert [each["role"] for each in left] == ["owner", "spender"]
    gone = await home.post("leave", {"member": home.ref("cúc"), "by": home.ref("bình")})
    assert [each["role"] for each in gone.json()["members"]] == ["owner"]
    await home.post("leave", {"member": home.ref("bình")})
    assert (await module_running.crm.get(f"/v1/loyalty/pools/{home.id}")).json()["code"] == "loyalty.pool_unknown"
    over = await module_running.crm.post(f"/v1/loyalty/pool-invitations/{full}/accept", json={})
    assert over.json()["code"] == "loyalty.pool_unknown"
    await sound(module_running)


async def test_the_same_key_spends_once_and_another_body_is_refused(module_running: Running):
    home = await household(module_running, 100)
    key = {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(home.spend("an", 10, **key) for _ in range(6)))
    assert {each.status_code for each in answers} <= {201, 409}
    assert await home.available() == 90
    assert (await home.spend("an", 11, **key)).status_code == 422
    page = (await module_running.crm.get(f"/v1/loyalty/pools/{home.id}/spends", params={"limit": "1"})).json()
    assert ([each["points"] for each in page["items"]], page["next_cursor"]) == ([10], None)


async def test_what_makes_no_sense_is_refused(module_running: Running):
    home, crm = await household(module_running, 10), module_running.crm
    for points in (0, -5, 1.5, 10**13):
        assert (await home.post("spends", {"by": home.ref("an"), "points": points})).status_code == 422
    wallet = await home.post("spends", {"by": home.ref("an"), "points": 1, "wallet": "other"})
    assert wallet.json()["code"] == "loyalty.pool_wallet"
    assert (await home.spend("stranger", 1)).json()["code"] == "loyalty.pool_not_member"
    bad = await home.post("spends", {"by": "somebody", "points": 1})
    assert (bad.status_code, bad.json()["code"]) == (422, "loyalty.pool_bad_member")
    unknown = await crm.post("/v1/loyalty/pools", json={"owner": home.ref("x"), "wallets": ["none"]})
    assert unknown.json()["code"] == "loyalty.unknown_wallet"
    for path, code in (
        (f"pools/{NOWHERE}", "loyalty.pool_unknown"),
        (f"members/{home.ref('x')}/pool", "loyalty.pool_none"),
    ):
        assert (await crm.get(f"/v1/loyalty/{path}")).json()["code"] == code
    gone = await home.post(f"spends/{NOWHERE}/return", {})
    assert (gone.status_code, gone.json()["code"]) == (404, "loyalty.pool_spend_unknown")
