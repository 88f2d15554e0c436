"""Dry runs at the counter: they say what the same request then does, are refused as it is, and keep nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loyalty_world import LoyaltyWorld
from test_points_http import MEMBERS, given, lan, put_in_force, refused, wallet

from services.loyalty.points.errors import NotEnoughPoints
from services.loyalty.points.schemas import AdjustmentIn, HoldIn, TransferIn
from services.loyalty.programs.schemas import ProgramIn
from shared.ids import user_key, uuid7
from shared.runtime.progress import digest
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

STANDING = ("available", "pending", "held", "debt")


async def standing(running: Running, member: str, name: str = "points") -> dict[str, int]:
    found = await wallet(running, member, name)
    return {each: found[each] for each in STANDING}


async def lots(running: Running, member: str, name: str = "points") -> dict[str, int]:
    """What is left in each lot."""
    page = (await running.crm.get(f"{member}/lots", params={"open": False, "wallet": name})).json()
    return {each["id"]: each["remaining"] for each in page["items"]}


async def tried(running: Running, path: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await running.crm.post(path, json={**body, "dry_run": True}, **more)
    assert (answer.status_code, answer.json()["is_dry_run"]) == (200, True), answer.text
    return answer.json()


async def stocked(running: Running, member: str, name: str = "points") -> None:
    """Three lots: 40 that end in two days, 50 in nine, 60 never."""
    for points, days in ((40, 2), (50, 9), (60, None)):
        ends = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
        assert (await given(running, member, points, wallet=name, expires_at=ends)).status_code == 201


@pytest.mark.parametrize(
    ("what", "body", "taken"),
    [
        ("adjustments", {"points": -70, "reason": "correction"}, [-40, -30]),
        ("adjustments", {"points": 25, "reason": "goodwill"}, [25]),
        ("holds", {"points": 100}, [-40, -50, -10]),
    ],
)
async def test_what_it_says_is_what_then_happens(
    module_running: Running, what: str, body: dict[str, Any], taken: list[int]
):
    running, member = module_running, lan()
    await stocked(running, member)
    before, lots_before = await standing(running, member), await lots(running, member)
    said = await tried(running, f"{member}/{what}", body)
    again = await tried(running, f"{member}/{what}", body)

    assert (await standing(running, member), await lots(running, member)) == (before, lots_before)
    assert [{**each, "earned_at": 0, "active_at": 0} for each in said["lots"]] == [
        {**each, "earned_at": 0, "active_at": 0} for each in again["lots"]
    ]
    assert (said["status"], [each["points"] for each in said["lots"]]) == (201, taken)
    assert said["members"][0]["before"] == before
    assert (await running.crm.post(f"{member}/{what}", json=body)).status_code == 201
    assert said["members"][0]["after"] == await standing(running, member)
    lots_after = await lots(running, member)
    assert {each["lot"]: each["remaining"] for each in said["lots"] if each["lot"]}.items() <= lots_after.items()
    new = [each["remaining"] for each in said["lots"] if each["lot"] is None]
    assert sorted(new) == sorted(left for lot, left in lots_after.items() if lot not in lots_before)


async def test_a_transfer_says_what_both_would_have_and_what_the_fee_takes(module_running: Running):
    running, member, friend = module_running, lan(), lan()
    rules = {"is_allowed": True, "fee_permille": 100, "least": 10, "most": 500, "daily": 500}
    await put_in_force(running, tried={"transfers": rules})
    await stocked(running, member, "tried")
    body = {"to": friend.removeprefix(f"{MEMBERS}/"), "points": 80, "wallet": "tried"}
    said = await tried(running, f"{member}/transfers", body)
    assert (await running.crm.post(f"{member}/transfers", json=body)).status_code == 201

    assert [(each["kind"], each["points"], each["lot"] is None) for each in said["lots"]] == [
        ("fee", -8, False), ("transferred_out", -32, False), ("transferred_out", -40, False),
        ("transferred_in", 32, True), ("transferred_in", 40, True),
    ]  # fmt: skip
    assert [each["after"] for each in said["members"]] == [
        await standing(running, member, "tried"),
        await standing(running, friend, "tried"),
    ]


async def test_it_is_refused_as_the_request_would_be_and_takes_no_key(module_running: Running):
    running, member, friend = module_running, lan(), lan()
    await put_in_force(running, eyes={"four_eyes_above": 100}, shut={"is_closed": True})
    await given(running, member, 10)
    refusals = {
        "loyalty.not_enough_points": (f"{member}/holds", {"points": 11}),
        "loyalty.unknown_wallet": (f"{member}/holds", {"points": 1, "wallet": "none"}),
        "loyalty.wallet_closed": (f"{member}/adjustments", {"points": 1, "wallet": "shut", "reason": "other"}),
        "loyalty.transfers_off": (f"{member}/transfers", {"points": 1, "to": friend.removeprefix(f"{MEMBERS}/")}),
        "loyalty.same_person": (f"{member}/transfers", {"points": 1, "to": member.removeprefix(f"{MEMBERS}/")}),
    }
    for code, (path, body) in refusals.items():
        twice = [await running.crm.post(path, json={**body, "dry_run": is_dry}) for is_dry in (True, False)]
        assert [refused(each)[1] for each in twice] == [code, code]
        assert twice[0].json().get("missing") == twice[1].json().get("missing")

    waits = await tried(running, f"{member}/adjustments", {"points": 101, "wallet": "eyes", "reason": "other"})
    assert (waits["status"], waits["lots"], waits["members"][0]["after"]["available"]) == (202, [], 0)
    headers = {"Idempotency-Key": str(uuid7())}
    await tried(running, f"{member}/holds", {"points": 10}, headers=headers)
    held = await running.crm.post(f"{member}/holds", json={"points": 10}, headers=headers)
    assert (held.status_code, (await wallet(running, member))["held"]) == (201, 10)


async def test_it_changes_no_row_and_tells_nobody(module_world: LoyaltyWorld):
    world, an = module_world, user_key("an")
    service, friend = world.service, user_key("binh")
    terms = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"transfers": {"is_allowed": True}}}}
    await service.programs.draft(ProgramIn.model_validate(terms), by="test", idem=None)
    await service.programs.activate(1, None, by="test", idem=None)
    await service.counter.adjust(an, AdjustmentIn(points=100, reason="goodwill"), by="test", idem=None)
    tables = [row[0] for row in await world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'loyalty'")]
    before = await digest(world.db, tables)

    await service.trials.adjust(an, AdjustmentIn(points=-60, reason="fraud", dry_run=True), by="test")
    await service.trials.adjust(friend, AdjustmentIn(points=60, reason="goodwill", dry_run=True), by="test")
    await service.trials.hold(an, HoldIn(points=60, dry_run=True))
    await service.trials.transfer(an, TransferIn(points=60, to=str(friend), dry_run=True), by="test")
    with pytest.raises(NotEnoughPoints):
        await service.trials.hold(an, HoldIn(points=101, dry_run=True))

    assert {"outbox", "idempotency_keys", "wallets", "adjustments"} <= set(tables)
    assert await digest(world.db, tables) == before
